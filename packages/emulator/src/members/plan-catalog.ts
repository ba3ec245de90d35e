import { ApiError } from '../base/api-errors.js'

/** A plan of the seed. */
export interface SeedPlan {
  /** `pln_…` */
  readonly id: string
  /** @defaultValue the id */
  readonly name?: string | undefined
  /** Neither API can add or remove a paid plan. @defaultValue `free` */
  readonly price?: 'free' | 'paid' | undefined
}

/** A plan of the app. */
export interface Plan {
  readonly id: string
  readonly name: string
  readonly price: 'free' | 'paid'
}

/** The plans of the app. */
export interface PlanCatalog {
  readonly all: readonly Plan[]
  /** @throws {@link ApiError} `plan-not-found`. */
  find(planId: string): Plan
  /** @throws {@link ApiError} `plan-not-found` · `plan-not-free`. */
  findFree(planId: string): Plan
}

/** Creates the catalog. Without plans in the seed, every `pln_…` id is a free plan, so that tests need not list theirs. */
export function createPlanCatalog(seeds: readonly SeedPlan[]): PlanCatalog {
  const all = seeds.map(({ id, name = id, price = 'free' }): Plan => ({ id, name, price }))
  const byId = new Map(all.map((plan) => [plan.id, plan]))

  function find(planId: string): Plan {
    const plan = byId.get(planId)
    if (plan) return plan
    if (all.length === 0 && planId.startsWith('pln_')) return { id: planId, name: planId, price: 'free' }
    throw new ApiError('plan-not-found')
  }

  function findFree(planId: string): Plan {
    const plan = find(planId)
    if (plan.price === 'free') return plan
    throw new ApiError('plan-not-free')
  }

  return { all, find, findFree }
}
