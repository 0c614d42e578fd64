import { useMessage } from 'naive-ui'
import { ref } from 'vue'
import { api, take, type Schemas } from '@/api/client'
import type { Filters } from '@/inventory/filters'
import { keep } from '@/ui/download'
import { useProblemText } from '@/ui/problem'

export type Kind = Schemas['Kind']
export const KINDS: readonly Kind[] = ['channels', 'devices', 'groups', 'divisions']

/** A workbook, or a csv in the encoding that whoever reads it wants. */
export const EXPORT_FORMATS = ['xlsx', 'csv-utf-8-sig', 'csv-utf-8', 'csv-gb18030'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

function sheet(kind: Kind, format: ExportFormat, filters: Filters): Promise<Blob> {
  const encoding = (format === 'xlsx' ? 'utf-8-sig' : format.slice(4)) as Schemas['Encoding']
  const options = {
    params: { path: { file_format: format === 'xlsx' ? 'xlsx' : 'csv' }, query: { encoding } },
    parseAs: 'blob',
  } as const
  // A file is what these answer with; the document gives it no schema.
  const file = {
    channels: () =>
      api.GET('/api/v1/exports/channels.{file_format}', {
        ...options,
        params: { ...options.params, query: { ...filters, encoding } },
      }),
    devices: () => api.GET('/api/v1/exports/devices.{file_format}', options),
    groups: () => api.GET('/api/v1/exports/groups.{file_format}', options),
    divisions: () => api.GET('/api/v1/exports/divisions.{file_format}', options),
  }[kind]
  return take(file()) as Promise<unknown> as Promise<Blob>
}

/** Spreadsheets that go out, in the language of the page. */
export function useExport() {
  const message = useMessage()
  const wordsFor = useProblemText()
  const isExporting = ref(false)

  async function fetched(name: string, file: () => Promise<Blob>): Promise<void> {
    isExporting.value = true
    try {
      keep(await file(), name)
    } catch (error) {
      message.error(wordsFor(error))
    } finally {
      isExporting.value = false
    }
  }

  function exportSheet(kind: Kind, format: ExportFormat, filters: Filters = {}): Promise<void> {
    const ending = format === 'xlsx' ? 'xlsx' : 'csv'
    return fetched(`${kind}.${ending}`, () => sheet(kind, format, filters))
  }

  function template(kind: Kind): Promise<void> {
    return fetched(`${kind}-template.xlsx`, async () => {
      const file: unknown = await take(
        api.GET('/api/v1/exports/{kind}/template.xlsx', { params: { path: { kind } }, parseAs: 'blob' }),
      )
      return file as Blob
    })
  }

  function errorFile(jobId: string, format: 'xlsx' | 'csv'): Promise<void> {
    return fetched(`errors.${format}`, async () => {
      const file: unknown = await take(
        api.GET('/api/v1/imports/{job_id}/errors.{file_format}', {
          params: { path: { job_id: jobId, file_format: format } },
          parseAs: 'blob',
        }),
      )
      return file as Blob
    })
  }

  return { isExporting, exportSheet, template, errorFile }
}
