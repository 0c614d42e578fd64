import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, take } from '@/api/client'
import type { Exclusion, ExclusionStatus, NewExclusion } from '@/exclusions/model'

const PER_PAGE = 100
const EVERY_MS = 30_000
const FOUND = 20

/** Exclusions, newest first. */
export function useExclusions(status: Ref<ExclusionStatus | null>) {
  const query = useInfiniteQuery({
    queryKey: ['exclusions', status],
    initialPageParam: null as string | null,
    refetchInterval: EVERY_MS,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET('/api/v1/exclusions', {
          params: {
            query: {
              limit: PER_PAGE,
              ...(status.value === null ? {} : { status: status.value }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
  })
  const exclusions = computed<Exclusion[]>(() => query.data.value?.pages.flatMap((page) => page.items) ?? [])
  return { ...query, exclusions }
}

export type Step = 'approve' | 'refuse' | 'withdraw'

/** Asking and deciding; figures and lists are read again afterwards. */
export function useExclusionSteps() {
  const client = useQueryClient()
  const OF_FIGURES = ['exclusions', 'online-rate', 'channels-behind', 'heat', 'worst', 'under-the-line', 'counted']

  async function refresh(): Promise<void> {
    await Promise.all(OF_FIGURES.map((key) => client.invalidateQueries({ queryKey: [key] })))
  }

  async function ask(body: NewExclusion): Promise<Exclusion> {
    const made = await take(api.POST('/api/v1/exclusions', { body }))
    await refresh()
    return made
  }

  async function decide(step: Step, exclusionId: string, note: string): Promise<Exclusion> {
    const params = { path: { exclusion_id: exclusionId } }
    const body = { note }
    const answers = {
      approve: () => api.POST('/api/v1/exclusions/{exclusion_id}/approve', { params, body }),
      refuse: () => api.POST('/api/v1/exclusions/{exclusion_id}/refuse', { params, body }),
      withdraw: () => api.POST('/api/v1/exclusions/{exclusion_id}/withdraw', { params, body }),
    }
    try {
      return await take(answers[step]())
    } finally {
      await refresh()
    }
  }

  return { ask, decide }
}

/** Devices, or channels, whose name or ID has these words. */
export function useFound(kind: 'devices' | 'channels', words: Ref<string>) {
  const query = useQuery({
    queryKey: ['found', kind, words],
    enabled: computed(() => words.value.trim() !== ''),
    queryFn: async ({ signal }) => {
      const params = { query: { q: words.value.trim(), limit: FOUND } }
      if (kind === 'devices') {
        const page = await take(api.GET('/api/v1/devices', { params, signal }))
        return page.items.map(({ device_id: id, name }) => ({ value: id, label: `${name} ${id}` }))
      }
      const page = await take(api.GET('/api/v1/channels', { params, signal }))
      return page.items.map(({ device_id: deviceId, channel_id: id, name }) => ({
        value: `${deviceId}/${id}`,
        label: `${name} ${id}`,
      }))
    },
  })
  return computed(() => query.data.value ?? [])
}

interface Branch {
  name: string
  children: readonly Branch[]
}

/** A tree as choices; what lies below is indented. */
export function choicesOf<B extends Branch>(
  branches: readonly B[],
  idOf: (branch: B) => string,
  depth = 0,
): { value: string; label: string }[] {
  return branches.flatMap((branch) => {
    const id = idOf(branch)
    const own = { value: id, label: `${'\u2003'.repeat(depth)}${branch.name || id} ${branch.name ? id : ''}` }
    return [...(id === '' ? [] : [own]), ...choicesOf(branch.children as readonly B[], idOf, depth + 1)]
  })
}

/** Regions, reported groups and groups of our own, as choices. */
export function useScopeChoices() {
  const divisions = useQuery({
    queryKey: ['divisions'],
    queryFn: ({ signal }) => take(api.GET('/api/v1/divisions', { signal })),
  })
  const groups = useQuery({
    queryKey: ['groups'],
    queryFn: ({ signal }) => take(api.GET('/api/v1/groups', { signal })),
  })
  const own = useQuery({
    queryKey: ['own-groups'],
    queryFn: ({ signal }) => take(api.GET('/api/v1/groups/own', { signal })),
  })
  return {
    divisions: computed(() => choicesOf(divisions.data.value?.items ?? [], (branch) => branch.code)),
    groups: computed(() => choicesOf(groups.data.value?.items ?? [], (branch) => branch.group_id)),
    ownGroups: computed(() => choicesOf(own.data.value?.items ?? [], (branch) => branch.group_id)),
  }
}
