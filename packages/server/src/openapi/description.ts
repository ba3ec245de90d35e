/** A JSON Schema, as in OpenAPI 3.1. */
export interface Schema {
  readonly [keyword: string]: unknown
}

/** A header, parameter, media type or security scheme, written as in OpenAPI. */
export interface Part {
  readonly [field: string]: unknown
}

/** The response of an operation with one status. */
export interface ResponseDescription {
  readonly description: string
  readonly headers?: Readonly<Record<string, Part>>
  readonly content?: Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>>
}

/** One method of one path (OpenAPI 3.1, Operation Object). */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly tags: readonly string[]
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly Part[]
  readonly requestBody?: Part
  readonly responses: Readonly<Record<string, ResponseDescription>>
}

/** The methods of one path. */
export type PathDescription = Readonly<Partial<Record<'get' | 'post' | 'delete', Operation>>>

/** The description of a service (OpenAPI 3.1). */
export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: {
    readonly title: string
    readonly version: string
    readonly summary: string
    readonly description: string
    readonly license: { readonly name: string; readonly identifier: string }
  }
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, PathDescription>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly securitySchemes: Readonly<Record<string, Part>>
  }
}
