import { ApiError, type Problem, type Session } from '@/api/client'
import { furthest, type Stage } from '@/player/stages'
import { ConnectionLostError } from '@/player/connection'

/** Why there is no picture: a key under `failure.` in the locale files, and the evidence. */
export interface Failure {
  cause: Cause
  /** The server's own words, in English, for whoever looks closer. */
  detail: string
  /** SIP status of a refusal. */
  sipStatus: number | null
  traceId: string
}

export const CAUSES = [
  'device_offline',
  'no_answer',
  'rejected',
  'rejected_busy',
  'rejected_unknown_channel',
  'rejected_media',
  'rejected_forbidden',
  'no_media',
  'no_packets',
  'wrong_ssrc',
  'not_a_program_stream',
  'no_key_picture',
  'media_stopped',
  'exhausted',
  'exhausted_transcoders',
  'unavailable',
  'forbidden',
  'not_found',
  'invalid',
  'unauthenticated',
  'not_admitted',
  'disconnected',
  'network',
  'browser_connection',
  'browser_no_webrtc',
  'browser_no_codec',
  'no_frames',
  'moved',
  'no_way',
  'ended',
  'internal',
] as const

export type Cause = (typeof CAUSES)[number]

/** No use in asking again before something has been changed by a person. */
const LASTING: ReadonlySet<Cause> = new Set([
  'forbidden',
  'not_found',
  'invalid',
  'unauthenticated',
  'disconnected',
  'browser_no_webrtc',
])

export function isWorthRetrying(failure: Failure): boolean {
  return !LASTING.has(failure.cause)
}

/** A play that ended for a reason of our own making. */
export class PlayError extends Error {
  constructor(
    readonly playCause: Cause,
    detail = '',
    readonly session: Session | null = null,
  ) {
    super(detail)
    this.name = 'PlayError'
  }
}

function ofRefusal(status: number | null): Cause {
  switch (status) {
    case 404:
    case 410:
    case 604:
      return 'rejected_unknown_channel'
    case 400:
    case 415:
    case 488:
    case 606:
      return 'rejected_media'
    case 401:
    case 403:
    case 603:
      return 'rejected_forbidden'
    case 480:
    case 486:
    case 503:
    case 600:
      return 'rejected_busy'
    default:
      return 'rejected'
  }
}

/** The missing stage tells why no picture came although the device accepted the call. */
function ofSilence(stage: Stage): Cause {
  switch (stage) {
    case 'answered':
    case 'acknowledged':
      return 'no_packets'
    case 'first_packet':
      return 'wrong_ssrc'
    case 'ssrc_matched':
      return 'not_a_program_stream'
    case 'container_parsed':
      return 'no_key_picture'
    case 'first_picture':
      return 'media_stopped'
    default:
      return 'no_media'
  }
}

function causeOf(code: string, status: number | null, what: string, stage: Stage | null): Cause {
  if (code === 'rejected') return ofRefusal(status)
  if (code === 'no_media') return stage === null ? 'no_media' : ofSilence(stage)
  if (code === 'exhausted' && /transcod/.test(what)) return 'exhausted_transcoders'
  return (CAUSES as readonly string[]).includes(code) ? (code as Cause) : 'internal'
}

function ofProblem(problem: Problem): Failure {
  const status = Number(problem.facts.sip_status)
  const sipStatus = Number.isInteger(status) && status > 0 ? status : null
  const what = String(problem.facts.what ?? '')
  return {
    cause: causeOf(problem.code, sipStatus, what, null),
    detail: problem.detail,
    sipStatus,
    traceId: problem.trace_id,
  }
}

function causeOfEnd({ reason, sip_status: sipStatus, error, trace }: Session): Cause {
  // An operator's word holds: nobody's tile starts it again by itself.
  if (reason === 'ended_by_user') return 'disconnected'
  if (reason === '' || /^(ended|stopped|idle|server)/.test(reason)) return 'ended'
  return causeOf(reason, sipStatus, error, furthest(trace))
}

/** Why a session that has ended gave no picture. */
export function failureOfSession(session: Session): Failure {
  const sipStatus = session.sip_status
  return {
    cause: causeOfEnd(session),
    detail: session.error,
    sipStatus,
    traceId: '',
  }
}

/** Any error of a play, in terms people can act on. */
export function failureOf(error: unknown): Failure {
  if (error instanceof PlayError && error.session !== null) return failureOfSession(error.session)
  if (error instanceof ApiError) return ofProblem(error.problem)
  const detail = error instanceof Error ? error.message : String(error)
  const cause = ((): Cause => {
    if (error instanceof PlayError) return error.playCause
    if (error instanceof ConnectionLostError) return 'browser_connection'
    return 'internal'
  })()
  return { cause, detail, sipStatus: null, traceId: '' }
}
