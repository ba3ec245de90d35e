/** How long an ended session is remembered, in seconds: longer than any access token lives. */
export const endedKeptSeconds: number = 2 * 3600

/** How long a refusal of a member's earlier sign-ins is remembered, in seconds: longer than any member JWT lives. */
export const signInCutoffKeptSeconds: number = 400 * 86_400

/** How often a store looks for rows whose time is over, in seconds. */
export const sweepEverySeconds: number = 30

/** How many rows of a kind one step of sweeping removes, so that no request waits for it. */
export const sweepStepRows: number = 200
