import { QueryClient } from '@tanstack/vue-query'
import { ApiError } from '@/api/client'

const LASTING = new Set([401, 403, 404, 409, 422])

/** What was read from the server, kept until an event or its age says it is old. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) =>
        failures < 2 && !(error instanceof ApiError && LASTING.has(error.problem.status)),
    },
  },
})
