import {
  checkFault,
  type EmulatorOptions,
  type EmulatorSettings,
  readOptions,
  readWebhookUrl,
} from './controls/index.js'
import type { Emulator, EmulatorAddress, EmulatorControls, EmulatorMembers } from './emulator.js'
import { createHttpServer, type HttpServer } from './http/index.js'
import {
  addPlan,
  adminView,
  createMember,
  createTeam,
  deleteMember,
  findMember,
  getMember,
  getTeam,
  joinTeam,
  removeFromTeam,
  removePlan,
  teamView,
  updateMember,
  updatePlan,
} from './members/index.js'
import { issuePair } from './tokens/index.js'
import { createWorld, type World } from './world/index.js'

/** Returns the host of the URLs: an address that means all addresses becomes the loopback address. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (!host.includes(':')) return host
  return host === '::' ? '[::1]' : `[${host}]`
}

function addressOf(port: number, world: World, settings: EmulatorSettings): EmulatorAddress {
  const url = `http://${urlHost(settings.host)}:${port}`
  return {
    ...world.app,
    url,
    port,
    adminUrl: url,
    jwksUri: `${url}/jwks.json`,
    refreshUrl: `${url}/auth/refresh-token`,
    webhookSecret: settings.webhookSecret,
  }
}

type EmulatorTeams = Pick<EmulatorMembers, 'createTeam' | 'addTeamMember' | 'removeTeamMember'>

function teamsOf(world: World): EmulatorTeams {
  const change = (
    [teamId, idOrEmail]: readonly [string, string],
    act: typeof joinTeam | typeof removeFromTeam,
  ) => {
    act(world, getTeam(world, teamId), getMember(world.table, idOrEmail))
    return teamView(world, getTeam(world, teamId))
  }
  return {
    createTeam: (team) => teamView(world, createTeam(world, team)),
    addTeamMember: (...names) => change(names, joinTeam),
    removeTeamMember: (...names) => change(names, removeFromTeam),
  }
}

function membersOf(world: World): EmulatorMembers {
  return {
    findMember(idOrEmail) {
      const member = findMember(world.table, idOrEmail)
      return member && adminView(member)
    },
    createMember: (member) => adminView(createMember(world, member)),
    updateMember: (idOrEmail, changes) => adminView(updateMember(world, idOrEmail, changes)),
    deleteMember(idOrEmail) {
      deleteMember(world, idOrEmail)
    },
    addPlan: (idOrEmail, planId, changes) =>
      adminView(addPlan(world, idOrEmail, { plan: world.plans.find(planId), changes })),
    updatePlan: (idOrEmail, planId, changes) => adminView(updatePlan(world, { idOrEmail, planId, changes })),
    removePlan: (idOrEmail, planId) => adminView(removePlan(world, idOrEmail, planId)),
    ...teamsOf(world),
  }
}

function controlsOf(world: World, { app, routes }: HttpServer): EmulatorControls {
  return {
    issueTokens: (request = {}) => issuePair(world, request),
    setFault(fault) {
      world.faults.add(checkFault(fault, routes))
    },
    clearFaults: () => world.faults.reset(),
    switches: () => world.switches(),
    setSwitches: (changes) => world.setSwitches(changes),
    calls: () => world.calls.read(),
    reset: () => world.reset(),
    rotateSigningKey: (oldKeys = 'keep') => world.keys.rotate(oldKeys),
    setWebhookUrl(url) {
      world.webhooks.setUrl(url === null ? null : readWebhookUrl(url))
    },
    sendWebhook: (event, content) => world.webhooks.send(event, content),
    resendWebhook: (id) => world.webhooks.resend(id),
    webhooks: () => world.webhooks.deliveries(),
    webhooksSettled: () => world.webhooks.settled(),
    async close() {
      world.faults.reset()
      world.webhooks.setUrl(null)
      world.webhooks.reset()
      await app.close()
    },
  }
}

/**
 * Starts a Memberstack emulator on 127.0.0.1, or on `host`: client API, admin API, key set, refresh API and webhooks.
 * @throws TypeError if an option is not valid; the system's error (`EADDRINUSE`) if the port is in use.
 * @example
 * const emulator = await startEmulator()
 * const memberstack = memberstackAdmin.init(emulator.secretKey, { baseUrl: emulator.adminUrl })
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const settings = readOptions(options)
  const world = await createWorld(settings)
  const server = await createHttpServer(world)
  try {
    await server.app.listen({ host: settings.host, port: settings.port })
  } catch (error) {
    await server.app.close()
    throw error
  }
  const address = server.app.server.address()
  const port = address !== null && typeof address === 'object' ? address.port : settings.port
  return { ...addressOf(port, world, settings), ...membersOf(world), ...controlsOf(world, server) }
}
