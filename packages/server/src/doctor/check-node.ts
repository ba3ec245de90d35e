import { findingsAbout, type Finding } from './finding.js'

/** As `engines` in our package.json: `node:sqlite` is there from then on. */
const least = { major: 22, minor: 13 }

/** @param version - as in `process.versions.node` */
export function checkNode(version: string): Finding {
  const node = findingsAbout('Node')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isOld = major < least.major || (major === least.major && minor < least.minor)
  return isOld
    ? node.error(
        `${version} is too old. Run the service, and this, on ${least.major}.${least.minor} or later.`,
      )
    : node.ok(`${version}.`)
}
