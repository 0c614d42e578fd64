import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/client'

/** Puts a refusal into the words of the page; falls back on those of the server. */
export function useProblemText(): (error: unknown) => string {
  const { t, te } = useI18n()
  return (error) => {
    if (!(error instanceof ApiError)) return t('problem.internal')
    const { code, title, detail, trace_id: traceId } = error.problem
    const head = te(`problem.${code}`) ? t(`problem.${code}`) : title
    const values = code === 'invalid' || code === 'conflict' ? detail : ''
    const trace = code === 'internal' && traceId ? `(${traceId})` : ''
    return [head, values, trace].filter(Boolean).join(' ')
  }
}
