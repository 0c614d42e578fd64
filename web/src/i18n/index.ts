import { createI18n } from 'vue-i18n'
import { configureClient } from '@/api/client'
import type { Locale } from '@/stores/preferences'

const MESSAGES: Record<Locale, () => Promise<{ default: object }>> = {
  en: () => import('@/i18n/en.json'),
  'zh-CN': () => import('@/i18n/zh-CN.json'),
}

export const LOCALES: readonly Locale[] = ['zh-CN', 'en']

export const i18n = createI18n({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  missingWarn: false,
  fallbackWarn: false,
  messages: {} as Record<string, never>,
})

/** Speaks that language from now on. */
export async function loadLocale(locale: Locale): Promise<void> {
  const { default: messages } = await MESSAGES[locale]()
  i18n.global.setLocaleMessage(locale, messages as never)
  i18n.global.locale.value = locale as never
  document.documentElement.lang = locale
  configureClient({ language: () => locale })
}
