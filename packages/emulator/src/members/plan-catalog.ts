import { ApiError } from '../api-error.js'
import type { SeedPlan } from './seed.js'

/** A plan as the app knows it. */
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

/** Makes the catalog; with no plans named, every `pln_…` id is a free plan, so that tests need not list theirs. */
export function createPlanCatalog(seeds: readonly SeedPlan[]): PlanCatalog {
  const all = seeds.map(({ id, name = id, price = 'free' }): Plan => ({ id, name, price }))
  const byId = new Map(all.map((plan) => [plan.id, plan]))

  function find(planId: string): Plan {
    const plan = byId.get(planId)
    if (plan) return plan
    if (all.length === 0 && planId.startsWith('pln_')) return { id: planId, name: planId, price: 'free' }
    throw new ApiError(400, 'plan-not-found', 'The specified plan does not exist.')
  }

  function findFree(planId: string): Plan {
    const plan = find(planId)
    if (plan.price === 'free') return plan
    throw new ApiError(400, 'plan-not-free', 'This plan requires payment information.')
  }

  return { all, find, findFree }
}
