import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/client'
import { REFUSALS } from '@/exclusions/model'
import { refusalOf } from '@/figures/refusals'
import { useProblemText } from '@/ui/problem'

/** Why the server refused, in plain words. */
export function useRefusal(): (error: unknown) => string {
  const { t } = useI18n()
  const wordsFor = useProblemText()
  return (error) => {
    const refusal = error instanceof ApiError ? refusalOf(REFUSALS, error.problem.detail) : null
    if (refusal === null) return wordsFor(error)
    const { status, ...values } = refusal.values
    const told = status === undefined ? values : { status: t(`exclusions.status-${status}`) }
    return t(`exclusion-refusal.${refusal.key}`, told)
  }
}
