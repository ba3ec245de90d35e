/** A library as a Worker uses it to answer members only. */
export interface Contender {
  readonly name: string
  /**
   * The module that is bundled. It exports `verify(token, world, database)`, which creates the library and returns the member's e-mail
   * address or id.
   */
  readonly program: string
  /** Creates a token, and all that the program needs to verify it. `load` imports the bundle. */
  prepare(folder: string, load: <Module>() => Promise<Module>): Promise<Prepared>
}

/** A token and its world. */
export interface Prepared {
  readonly token: string
  /** The settings of the program, as JSON holds them. `database`: the file of a D1 that it gets opened. */
  readonly world: Readonly<Record<string, unknown>>
  /** The member that `verify` has to return. */
  readonly member: string
  readonly close: () => Promise<void>
}
