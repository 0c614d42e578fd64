import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import type { Schemas } from '@/api/client'
import DiagnosisView from '@/device/DiagnosisView.vue'
import en from '@/i18n/en.json'
import zh from '@/i18n/zh-CN.json'

const WRONG: Schemas['DiagnosisOut'] = {
  cause: 'wrong_password',
  stage: null,
  sentence_en: 'what happened',
  sentence_zh: zh.add.ok,
  next_step_en: 'what to do',
  next_step_zh: zh.add.nothing,
  evidence: ['401 five times'],
}

function shown(locale: string, diagnosis = WRONG) {
  const i18n = createI18n({ legacy: false, locale, messages: { en, 'zh-CN': zh } as never })
  return mount(DiagnosisView, { props: { diagnosis }, global: { plugins: [i18n] } })
}

describe('DiagnosisView', () => {
  it('tells what happened, what to do next and why it thinks so', () => {
    const view = shown('en')

    expect(view.text()).toContain('what happened')
    expect(view.get('[data-testid="next-step"]').text()).toBe('what to do')
    expect(view.get('details').text()).toContain('401 five times')
  })

  it('speaks the language of the page', () => {
    expect(shown('zh-CN').text()).toContain(zh.add.nothing)
    expect(shown('zh-CN').text()).not.toContain('what to do')
  })

  it('has nothing to unfold where there is no evidence', () => {
    expect(shown('en', { ...WRONG, evidence: [] }).find('details').exists()).toBe(false)
  })
})
