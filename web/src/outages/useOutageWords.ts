import { useI18n } from 'vue-i18n'
import { moment } from '@/format'
import type { Outage } from '@/outages/queries'
import { useSite } from '@/shell/useSite'

const RFC_3339 = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})/g

/** The server's sentences about an outage, in the language of the page. */
export function useOutageWords() {
  const { locale, t, te } = useI18n()
  const { zone } = useSite()
  const isChinese = (): boolean => String(locale.value).startsWith('zh')

  /** With the times in it on the site's clock. */
  function sentence(outage: Outage): string {
    const told = isChinese() ? outage.sentence_zh : outage.sentence_en
    return told.replace(RFC_3339, (at) => moment(at, zone.value))
  }
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
