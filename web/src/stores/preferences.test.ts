import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import { nextTick } from 'vue'
import { preferredLocale, usePreferences } from '@/stores/preferences'

describe('preferences', () => {
  beforeEach(() => {
    localStorage.clear()
    setActivePinia(createPinia())
  })

  it.each([
    [['zh-Hans-CN', 'en'], 'zh-CN'],
    [['de', 'zh-TW'], 'zh-CN'],
    [['de', 'fr'], 'en'],
    [[], 'en'],
  ])('speaks the first language of %j that we know', (languages, locale) => {
    expect(preferredLocale(languages)).toBe(locale)
  })

  it('keeps what was chosen for the next visit', async () => {
    const preferences = usePreferences()
    preferences.chooseLocale('zh-CN')
    preferences.theme = 'dark'
    await nextTick()

    setActivePinia(createPinia())

    expect([usePreferences().locale, usePreferences().theme]).toEqual(['zh-CN', 'dark'])
  })

  it('goes on following the browser while no language was chosen', async () => {
    usePreferences().theme = 'light'
    await nextTick()

    expect(localStorage.getItem('vms.preferences')).toBe('{"theme":"light"}')
  })

  it('starts with the defaults when what was kept is damaged', () => {
    localStorage.setItem('vms.preferences', '{')

    expect(usePreferences().theme).toBe('auto')
  })
})
