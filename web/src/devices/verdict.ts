import type { Schemas } from '@/api/client'

type Cause = Schemas['DiagnosisOut']['cause']

/** Causes that tell nothing of a REGISTER: none came, or one did that is no longer the question. */
const OF_NO_REGISTER: ReadonlySet<Cause> = new Set([
  'none',
  'pending',
  'no_register',
  'unregistered',
  'device_offline',
  'keepalives_stopped',
  'clock_off',
])

/** How the registration went that is waited for: fine, nothing came yet, or why it was refused. */
export function verdictOf(isOnline: boolean, cause: Cause | null): 'ok' | 'nothing' | Cause {
  if (isOnline) return 'ok'
  return cause === null || OF_NO_REGISTER.has(cause) ? 'nothing' : cause
}
