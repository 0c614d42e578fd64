import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { filtersOf, queryOf, withFilter, type FilterName, type Filters } from '@/inventory/filters'

/** The filters of the list of channels, as they stand in the address of the page. */
export function useFilters() {
  const route = useRoute()
  const router = useRouter()
  const filters = computed<Filters>(() => filtersOf(route.query))
  const count = computed(() => Object.keys(filters.value).length)

  function replace(next: Filters): void {
    void router.replace({ query: queryOf(next) })
  }

  function set<Name extends FilterName>(name: Name, value: Filters[Name] | null): void {
    replace(withFilter(filters.value, name, value))
  }

  return { filters, count, set, clear: () => replace({}) }
}
