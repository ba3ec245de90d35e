import type { MemberstackUser } from '@perennial/auth'

declare global {
  namespace App {
    interface Locals {
      member: MemberstackUser | null
    }
  }
}
