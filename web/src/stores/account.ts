import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, ApiError, take, type Me } from '@/api/client'

export type Standing = 'unknown' | 'signed-out' | 'signed-in'
export type Action = 'read' | 'watch' | 'control' | 'configure' | 'administer' | 'audit' | 'report'

/** Who sits in front of the page. The session itself is a cookie that scripts cannot read. */
export const useAccount = defineStore('account', () => {
  const me = ref<Me | null>(null)
  const standing = ref<Standing>('unknown')
  const isSignedIn = computed(() => standing.value === 'signed-in')

  function may(action: Action): boolean {
    return me.value?.actions.includes(action) ?? false
  }

  function signedOut(): void {
    me.value = null
    standing.value = 'signed-out'
  }

  /** Asks the server who we are; throws where it cannot be reached. */
  async function load(): Promise<void> {
    try {
      me.value = await take(api.GET('/api/v1/auth/me'))
      standing.value = 'signed-in'
    } catch (error) {
      if (!(error instanceof ApiError) || error.problem.status !== 401) throw error
      signedOut()
    }
  }

  async function signIn(username: string, password: string): Promise<void> {
    await take(api.POST('/api/v1/auth/login', { body: { username, password } }))
    await load()
  }

  /** Makes the first administrator by the code that the server printed. */
  async function setUp(code: string, username: string, password: string): Promise<void> {
    await take(api.POST('/api/v1/auth/setup', { body: { code, username, password } }))
    await load()
  }

  async function signOut(): Promise<void> {
    await take(api.POST('/api/v1/auth/logout'))
    signedOut()
  }

  return { me, standing, isSignedIn, may, load, signIn, setUp, signOut, signedOut }
})
