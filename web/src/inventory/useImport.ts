import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { api, take, type Schemas } from '@/api/client'
import type { Kind } from '@/inventory/useExport'
import { pause } from '@/player/waiting'
import { useProblemText } from '@/ui/problem'

export type ImportJob = Schemas['ImportOut']

const LOOK_EVERY_MS = 400

/** A spreadsheet on its way in: first what would become of it, then in earnest. */
export function useImport(onApplied: () => Promise<void>) {
  const wordsFor = useProblemText()
  const job = shallowRef<ImportJob | null>(null)
  const refusal = ref('')
  const isSending = ref(false)
  const gone = new AbortController()
  onScopeDispose(() => gone.abort())

  const isRunning = computed(() => isSending.value || job.value?.state === 'running')
  const share = computed(() => {
    const { read = 0, total = null } = job.value ?? {}
    return total ? Math.min(100, Math.floor((read / total) * 100)) : 0
  })
  /** A trial that found something to do: then it may be done. */
  const mayApply = computed(() => {
    const { dry_run: isTrial = false, state = '', added = 0, changed = 0 } = job.value ?? {}
    return isTrial && (state === 'complete' || state === 'incomplete') && added + changed > 0
  })

  async function send(kind: Kind, file: File, isTrial: boolean): Promise<void> {
    refusal.value = ''
    isSending.value = true
    job.value = null
    try {
      let seen = await take(
        api.POST('/api/v1/imports/{kind}', {
          params: { path: { kind }, query: { dry_run: isTrial, file_name: file.name.slice(-200) } },
          body: file as unknown as string,
          bodySerializer: (body) => body,
          headers: { 'Content-Type': 'application/octet-stream' },
        }),
      )
      isSending.value = false
      job.value = seen
      while (seen.state === 'running') {
        await pause(LOOK_EVERY_MS, gone.signal)
        seen = await take(api.GET('/api/v1/imports/{job_id}', { params: { path: { job_id: seen.job_id } } }))
        job.value = seen
      }
      if (!isTrial) await onApplied()
    } catch (error) {
      if (gone.signal.aborted) return
      refusal.value = wordsFor(error)
    } finally {
      isSending.value = false
    }
  }

  function forget(): void {
    job.value = null
    refusal.value = ''
  }

  return { job, refusal, isRunning, share, mayApply, send, forget }
}
