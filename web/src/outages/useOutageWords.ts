import { useI18n } from 'vue-i18n'
import type { Outage } from '@/outages/queries'

/** The server's sentences about an outage, in the language of the page. */
export function useOutageWords() {
  const { locale, t, te } = useI18n()
  const isChinese = (): boolean => String(locale.value).startsWith('zh')

  const sentence = (outage: Outage): string => (isChinese() ? outage.sentence_zh : outage.sentence_en)
  const nextStep = (outage: Outage): string => (isChinese() ? outage.next_step_zh : outage.next_step_en)

  /** How a member was lost: a cause of the ledger where it is one. */
  function way(word: string): string {
    if (te(`cause.${word}`)) return t(`cause.${word}`)
    return te(`outage-way.${word}`) ? t(`outage-way.${word}`) : word
  }

  /** What a fact or a common trait is called. */
  const factName = (name: string): string => (te(`outage-fact.${name}`) ? t(`outage-fact.${name}`) : name)

  return { sentence, nextStep, way, factName }
}
