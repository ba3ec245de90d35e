/** A page that is made once, at the build. */
export default function About() {
  return <p id="greeting">The same for everybody.</p>
}
