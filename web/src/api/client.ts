import createClient, { type Middleware } from 'openapi-fetch'
import type { components, paths } from '@/api/schema'

export type Schemas = components['schemas']
export type Problem = Schemas['Problem']
export type Device = Schemas['DeviceOut']
export type Channel = Schemas['ChannelOut']
export type Waiting = Schemas['WaitingOut']
export type Session = Schemas['Session']
export type LiveSession = Schemas['LiveSession']
export type Summary = Schemas['MetricsSummary']
export type OnlineRate = Schemas['OnlineRate']
export type Site = Schemas['Site']
export type Job = Schemas['Job']
export type Me = Schemas['Me']
export type Status = Device['status']

/** A refusal of the server, or `network` where it could not be reached. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title)
    this.name = 'ApiError'
  }
}

function bare(code: string, status: number, detail: string): Problem {
  return {
    type: `urn:vms:problem:${code}`,
    title: '',
    status,
    detail,
    instance: '',
    code,
    trace_id: '',
    errors: [],
    facts: {},
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'status' in value
}

/** What a body that is no success means. */
export function problemOf(body: unknown, status: number): Problem {
  return isProblem(body) ? body : bare('internal', status, '')
}

/** The server could not be reached at all. */
export function networkProblem(detail: string): Problem {
  return bare('network', 0, detail)
}

const hooks = { language: () => 'en', onUnauthenticated: (): void => undefined }

/** Tells the client which language to ask in and whom to tell that the sign-in has ended. */
export function configureClient(wanted: Partial<typeof hooks>): void {
  Object.assign(hooks, wanted)
}

const middleware: Middleware = {
  onRequest({ request }) {
    request.headers.set('Accept-Language', hooks.language())
    return request
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== '/api/v1/auth/login') hooks.onUnauthenticated()
    return response
  },
}

export const api = createClient<paths>({
  baseUrl: typeof window === 'undefined' ? '/' : window.location.origin,
  credentials: 'same-origin',
  fetch: (request) => fetch(request),
})
api.use(middleware)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The body of a success; throws `ApiError` for everything else but an abort. */
export async function take<T>(answer: Promise<Answer<T>>): Promise<T> {
  let settled: Answer<T>
  try {
    settled = await answer
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(networkProblem(String(error)))
  }
  if (!settled.response.ok) {
    throw new ApiError(problemOf(settled.error, settled.response.status))
  }
  return settled.data as T
}
