import { useQueryClient } from '@tanstack/vue-query'
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api, take, type Schemas } from '@/api/client'
import type { Kind } from '@/inventory/useExport'

export type ImportJob = Schemas['ImportOut']

const LOOK_EVERY_MS = 400

/**
 * A spreadsheet on its way in: first what would become of it, then in earnest. Whoever leaves the
 * page while it runs finds it again when they come back.
 */
export const useImports = defineStore('imports', () => {
  const client = useQueryClient()
  const kind = ref<Kind>('channels')
  const file = shallowRef<File | null>(null)
  const job = shallowRef<ImportJob | null>(null)
  const error = shallowRef<unknown>(null)
  const isSending = ref(false)

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

  async function send(isTrial: boolean): Promise<void> {
    const sheet = file.value
    if (sheet === null) return
    error.value = null
    isSending.value = true
    job.value = null
    try {
      let seen = await take(
        api.POST('/api/v1/imports/{kind}', {
          params: {
            path: { kind: kind.value },
            query: { dry_run: isTrial, file_name: sheet.name.slice(-200) },
          },
          body: sheet as unknown as string,
          bodySerializer: (body) => body,
          headers: { 'Content-Type': 'application/octet-stream' },
        }),
      )
      isSending.value = false
      job.value = seen
      while (seen.state === 'running') {
        await new Promise((done) => setTimeout(done, LOOK_EVERY_MS))
        const path = { job_id: seen.job_id }
        seen = await take(api.GET('/api/v1/imports/{job_id}', { params: { path } }))
        job.value = seen
      }
      if (!isTrial) await client.invalidateQueries()
    } catch (caught) {
      error.value = caught
      // Nothing is known of it any more: its counts would stand still for ever.
      if (job.value?.state === 'running') job.value = null
    } finally {
      isSending.value = false
    }
  }

  /** Only looks at a file: nothing changes before somebody has seen what would become of it. */
  function look(sheet: File): Promise<void> {
    file.value = sheet
    return send(true)
  }

  function choose(wanted: Kind): void {
    kind.value = wanted
    file.value = null
    job.value = null
    error.value = null
  }

  return { kind, file, job, error, isRunning, share, mayApply, look, choose, apply: () => send(false) }
})
