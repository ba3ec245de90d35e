import type { SourceGraph } from '../sources/source-graph.ts'
import type { Finding } from './finding.ts'

/** Finds doc comments that begin with a question word instead of a verb or a noun. */
export function checkDocComments({ files }: SourceGraph): readonly Finding[] {
  return [...files.values()].flatMap(({ path, comments }) =>
    comments.flatMap(({ text, line, isBlock }): readonly Finding[] => {
      const word = isBlock ? /^\*[*\s]*(What|Whether|How|Who|Whoever)\b/.exec(text)?.[1] : undefined
      if (word === undefined) return []
      const message = `the doc comment begins with "${word}". Begin with a verb or a noun: "Returns …", "Creates …", "The number of …"`
      return [{ key: 'doc-comment', path, line, message }]
    }),
  )
}
