import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '@/api/client'
import { useAccount } from '@/stores/account'

const ME = { user_id: 'u', username: 'admin', role: 'viewer', actions: ['read', 'watch'] }

/** A server that answers by method and path. */
function serve(answers: Record<string, () => Response>): void {
  vi.stubGlobal('fetch', (request: Request) => {
    const answer = answers[`${request.method} ${new URL(request.url).pathname}`]
    return answer === undefined ? Promise.reject(new TypeError('refused')) : Promise.resolve(answer())
  })
}

const unauthenticated = (): Response =>
  Response.json({ code: 'unauthenticated', status: 401, facts: {} }, { status: 401 })

describe('the account', () => {
  beforeEach(() => setActivePinia(createPinia()))
  afterEach(() => void vi.unstubAllGlobals())

  it('knows who is signed in and what they may do', async () => {
    serve({ 'GET /api/v1/auth/me': () => Response.json(ME) })
    const account = useAccount()

    await account.load()

    expect(account.isSignedIn).toBe(true)
    expect([account.may('watch'), account.may('configure')]).toEqual([true, false])
  })

  it('is signed out where the server says so', async () => {
    serve({ 'GET /api/v1/auth/me': unauthenticated })
    const account = useAccount()

    await account.load()

    expect(account.standing).toBe('signed-out')
  })

  it('leaves the question open where the server cannot be reached', async () => {
    serve({})
    const account = useAccount()

    await expect(account.load()).rejects.toMatchObject({ problem: { code: 'network' } })
    expect(account.standing).toBe('unknown')
  })

  it('signs in', async () => {
    serve({
      'POST /api/v1/auth/login': () => Response.json({ access_token: 't', expires_in: 1 }),
      'GET /api/v1/auth/me': () => Response.json(ME),
    })
    const account = useAccount()

    await account.signIn('admin', 'secret')

    expect(account.me?.username).toBe('admin')
  })

  it('stays signed out with a wrong password, and says why', async () => {
    serve({
      'POST /api/v1/auth/login': () =>
        Response.json({ code: 'wrong_credentials', status: 401, facts: {} }, { status: 401 }),
    })
    const account = useAccount()

    const refused = account.signIn('admin', 'wrong')

    await expect(refused).rejects.toBeInstanceOf(ApiError)
    await expect(refused).rejects.toMatchObject({ problem: { code: 'wrong_credentials' } })
    expect(account.isSignedIn).toBe(false)
  })

  it('signs out', async () => {
    serve({
      'GET /api/v1/auth/me': () => Response.json(ME),
      'POST /api/v1/auth/logout': () => new Response(null, { status: 204 }),
    })
    const account = useAccount()
    await account.load()

    await account.signOut()

    expect([account.me, account.standing]).toEqual([null, 'signed-out'])
  })
})
