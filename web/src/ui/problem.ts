import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/client'

/** What the server says besides tells more than the head does. */
const TOLD: ReadonlySet<string> = new Set(['invalid', 'conflict', 'unsupported', 'rejected'])

/** Puts a refusal into the words of the page; falls back on those of the server. */
export function useProblemText(): (error: unknown) => string {
  const { t, te } = useI18n()
  return (error) => {
    if (!(error instanceof ApiError)) return t('problem.internal')
    const { code, title, detail, facts, trace_id: traceId } = error.problem
    if (code === 'conflict' && facts.holder) return t('ptz-panel.held-by', { holder: facts.holder })
    const head = te(`problem.${code}`) ? t(`problem.${code}`) : title
    const values = TOLD.has(code) ? detail : ''
    const trace = code === 'internal' && traceId ? `(${traceId})` : ''
    return [head, values, trace].filter(Boolean).join(' ')
  }
}
