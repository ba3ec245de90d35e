/** A bug that is put into the source when it is loaded. */
export interface PlantedBug {
  readonly name: string
  /** The world in which it must be found. */
  readonly world: string
  /** From the root of the repository. */
  readonly file: string
  /** The text in the file. It stands there exactly once. */
  readonly replace: string
  readonly by: string
}

/** Puts the bug into the text of its file. @throws Error if the text to replace is not there exactly once */
export function plant({ name, file, replace, by }: PlantedBug, text: string): string {
  if (text.split(replace).length !== 2)
    throw new Error(`The bug "${name}" cannot be planted: ${file} does not contain its text exactly once.`)
  return text.replace(replace, () => by)
}
