import { createRouter, createWebHistory, type Router } from 'vue-router'
import { useAccount, type Action } from '@/stores/account'

declare module 'vue-router' {
  interface RouteMeta {
    /** Shown without a sign-in. */
    isOpen?: boolean
    /** Dark unless the person chose otherwise. */
    isDark?: boolean
    /** Without the shell; it stays where it is and says so when the sign-in has run out. */
    isBare?: boolean
    /** Key of the title under `nav.`. */
    title?: string
  }
}

interface Area {
  name: 'live' | 'devices' | 'streams' | 'inventory' | 'figures'
  path: string
  /** Listed only for those who may do this. */
  needs?: Action
}

/** The console's areas; what is listed in the shell's navigation stands in `areas`. */
export const areas: readonly Area[] = [
  { name: 'live', path: '/live' },
  { name: 'devices', path: '/devices' },
  { name: 'streams', path: '/streams', needs: 'control' },
  { name: 'inventory', path: '/inventory' },
  { name: 'figures', path: '/figures' },
]

export function createOurRouter(): Router {
  const router = createRouter({
    history: createWebHistory(),
    routes: [
      { path: '/', redirect: '/live' },
      {
        path: '/sign-in',
        name: 'sign-in',
        component: () => import('@/views/SignIn.vue'),
        meta: { isOpen: true, title: 'sign-in' },
      },
      {
        path: '/live',
        name: 'live',
        component: () => import('@/views/Live.vue'),
        meta: { isDark: true, title: 'live' },
      },
      {
        path: '/devices',
        name: 'devices',
        component: () => import('@/views/Devices.vue'),
        meta: { title: 'devices' },
      },
      {
        path: '/devices/:deviceId(\\d{1,20})',
        name: 'device',
        component: () => import('@/views/DevicePage.vue'),
        props: true,
        meta: { title: 'devices' },
      },
      {
        path: '/streams',
        name: 'streams',
        component: () => import('@/views/Streams.vue'),
        meta: { title: 'streams' },
      },
      {
        path: '/inventory/:tab(channels|groups|sheets|governance)',
        name: 'inventory',
        component: () => import('@/views/Inventory.vue'),
        props: true,
        meta: { title: 'inventory' },
      },
      { path: '/inventory', redirect: '/inventory/channels' },
      {
        path: '/figures',
        name: 'figures',
        component: () => import('@/views/Figures.vue'),
        meta: { title: 'figures' },
      },
      {
        path: '/figures/outages',
        name: 'outages',
        component: () => import('@/views/Outages.vue'),
        meta: { title: 'outages' },
      },
      {
        path: '/figures/exclusions',
        name: 'exclusions',
        component: () => import('@/views/Exclusions.vue'),
        meta: { title: 'exclusions' },
      },
      {
        path: '/figures/reports',
        name: 'reports',
        component: () => import('@/views/Reports.vue'),
        meta: { title: 'reports' },
      },
      {
        path: '/figures/screen',
        name: 'screen',
        component: () => import('@/views/BigScreen.vue'),
        meta: { isDark: true, isBare: true, title: 'screen' },
      },
      { path: '/:rest(.*)*', redirect: '/live' },
    ],
  })
  router.beforeEach(async (to) => {
    const account = useAccount()
    if (account.standing === 'unknown') {
      try {
        await account.load()
      } catch {
        account.signedOut() // the sign-in page says that the server is not to be reached
      }
    }
    if (account.isSignedIn) return to.name === 'sign-in' ? { name: 'live' } : true
    return to.meta.isOpen ? true : { name: 'sign-in', query: { next: to.fullPath } }
  })
  return router
}
