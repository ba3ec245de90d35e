/** JSON Schemas of the fields that several routes take. */
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

/** A body with these fields; others are ignored, as both SDKs send more than the API reads. */
export const bodyOf = (properties: object, required: readonly string[] = []): object => ({
  body: { type: 'object', required, properties },
})

/** A body with these fields and no others, so that a misspelt one is not silently without effect. */
export const strictBodyOf = (properties: object, required: readonly string[] = []): object => ({
  body: { type: 'object', required, properties, additionalProperties: false },
})

/** A plan named in a body. */
export interface PlanBody {
  readonly planId: string
}
