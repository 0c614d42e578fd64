import { defineStore } from 'pinia'
import { ref, watch } from 'vue'

export type Locale = 'zh-CN' | 'en'
export type ThemeChoice = 'auto' | 'dark' | 'light'

const KEY = 'vms.preferences'
const USUAL_PTZ_SPEED = 50

interface Kept {
  locale?: Locale
  theme?: ThemeChoice
  ptzSpeed?: number
}

function kept(): Kept {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** The first language of the browser that we speak. */
export function preferredLocale(languages: readonly string[]): Locale {
  for (const language of languages) {
    if (language.toLowerCase().startsWith('zh')) return 'zh-CN'
    if (language.toLowerCase().startsWith('en')) return 'en'
  }
  return 'en'
}

/** What a person chose for the page; kept in this browser. */
export const usePreferences = defineStore('preferences', () => {
  const before = kept()
  const locale = ref<Locale>(before.locale ?? preferredLocale(navigator.languages))
  const theme = ref<ThemeChoice>(before.theme ?? 'auto')
  /** Per cent of the fastest at which cameras are moved. */
  const ptzSpeed = ref(before.ptzSpeed ?? USUAL_PTZ_SPEED)
  const isLocaleChosen = ref(before.locale !== undefined)

  function chooseLocale(choice: Locale): void {
    isLocaleChosen.value = true
    locale.value = choice
  }

  watch([locale, theme, ptzSpeed, isLocaleChosen], () => {
    const keep: Kept = { theme: theme.value }
    if (ptzSpeed.value !== USUAL_PTZ_SPEED) keep.ptzSpeed = ptzSpeed.value
    if (isLocaleChosen.value) keep.locale = locale.value
    try {
      localStorage.setItem(KEY, JSON.stringify(keep))
    } catch {
      // Storage can be switched off; the choice then lasts until the page is left.
    }
  })

  return { locale, theme, ptzSpeed, chooseLocale }
})
