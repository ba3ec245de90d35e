/** The JSON Schemas of fields that several routes have. */
export const field = {
  text: { type: 'string', maxLength: 4096 },
  nullableText: { type: ['string', 'null'], maxLength: 4096 },
  object: { type: 'object' },
  flag: { type: 'boolean' },
  planId: { type: 'string', minLength: 1, maxLength: 256 },
  plans: {
    type: 'array',
    maxItems: 100,
    items: {
      type: 'object',
      required: ['planId'],
      properties: { planId: { type: 'string', minLength: 1, maxLength: 256 } },
    },
  },
} as const

/** Returns the schema of a body. Other fields are ignored: both SDKs send fields that the API does not read. */
export const bodyOf = (properties: object, required: readonly string[] = []): object => ({
  body: { type: 'object', required, properties },
})

/** Returns the schema of a body without other fields, so that a misspelt field is refused. */
export const strictBodyOf = (properties: object, required: readonly string[] = []): object => ({
  body: { type: 'object', required, properties, additionalProperties: false },
})

/** A plan in a body. */
export interface PlanBody {
  readonly planId: string
}
