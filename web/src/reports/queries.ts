import { useInfiniteQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, ref, watch } from 'vue'
import { api, take } from '@/api/client'
import { saveBlob } from '@/figures/csv'
import { fileName, type FORMATS, type LANGUAGES, type Report, type ReportOrder, type Verification } from '@/reports/model'

const PER_PAGE = 50
const EVERY_MS = 30_000
const WHILE_RUNNING_MS = 1_000

/** Reports, newest first; read often while one is being made. */
export function useReports() {
  const everyMs = ref(EVERY_MS)
  const query = useInfiniteQuery({
    queryKey: ['reports'],
    initialPageParam: null as string | null,
    refetchInterval: everyMs,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET('/api/v1/reports', {
          params: { query: { limit: PER_PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
  })
  const reports = computed<Report[]>(() => query.data.value?.pages.flatMap((page) => page.items) ?? [])
  watch(reports, (now) => {
    const isAnyRunning = now.some((report) => report.status === 'running')
    everyMs.value = isAnyRunning ? WHILE_RUNNING_MS : EVERY_MS
  })
  return { ...query, reports }
}

/** Making, having and proving reports. */
export function useReportSteps() {
  const client = useQueryClient()

  async function make(order: ReportOrder): Promise<Report> {
    const report = await take(api.POST('/api/v1/reports', { body: order }))
    await client.invalidateQueries({ queryKey: ['reports'] })
    return report
  }

  async function save(
    report: Report,
    format: (typeof FORMATS)[number],
    language: (typeof LANGUAGES)[number],
  ): Promise<void> {
    let disposition: string | null = null
    const answer = api.GET('/api/v1/reports/{report_id}/file', {
      params: { path: { report_id: report.report_id }, query: { format, language } },
      parseAs: 'blob',
    })
    const blob = await take(
      answer.then((settled) => {
        disposition = settled.response.headers.get('Content-Disposition')
        return settled
      }),
    )
    saveBlob(fileName(disposition, `report-${language}.${format}`), blob as Blob)
  }

  function verify(report: Report): Promise<Verification> {
    return take(
      api.POST('/api/v1/reports/{report_id}/verify', {
        params: { path: { report_id: report.report_id } },
      }),
    )
  }

  return { make, save, verify }
}
