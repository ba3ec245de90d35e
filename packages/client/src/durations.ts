/** The time for which the lock is held after writing, in milliseconds: the next tab then sees what was written and sent. */
export const lockHoldMs = 100

/** The longest time after a message until a tab reads what the tab of the message had stored before, in milliseconds. */
export const storageLagMs = 5_000

/** The time between two looks for the SDK, in milliseconds. */
export const sdkIntervalMs = 100

/** The longest time for which the session is `loading` because the SDK is missing, in milliseconds. */
export const sdkLoadingMs = 10_000

/** The time after which the search for the SDK ends, in milliseconds. */
export const sdkTimeoutMs = 60_000

/** The age below which a forced refresh would bring nothing better, in seconds. */
export const youngSeconds = 10

/** The longest timer, in seconds. Timers stop while the machine sleeps, so the clock is read again at least this often. */
export const longestTimerSeconds = 30

/** The longest time for which a `Retry-After` is honoured, in seconds. */
export const longestRetryAfterSeconds = 60

/** The time after a failure when a call may start an attempt, whatever the back-off says, in seconds. */
export const callRetrySeconds = 1
