import { NButton, type DataTableColumn } from 'naive-ui'
import { h } from 'vue'
import type { OnlineRate } from '@/api/client'
import type { Cell } from '@/figures/csv'
import { verdictOf } from '@/figures/model'
import VerdictMark from '@/figures/VerdictMark.vue'
import { clockTime, percent } from '@/format'
import { monoCell, nameCell } from '@/ui/table'

/** A column that is shown in a table and written into a file. */
export interface Column<R> {
  key: string
  title: string
  width?: number
  cell: (row: R) => Cell
  shown?: (row: R) => ReturnType<typeof monoCell>
  sortedBy?: (row: R) => number
}

/** As Naive UI's table takes them. */
export function tableColumns<R extends object>(columns: readonly Column<R>[]): DataTableColumn<R>[] {
  return columns.map(({ key, title, width, cell, shown, sortedBy }) => ({
    key,
    title,
    ...(width === undefined ? { minWidth: 190 } : { width }),
    render: shown ?? ((row: R) => monoCell(cell(row))),
    ...(sortedBy === undefined
      ? {}
      : { sorter: (one: R, other: R) => sortedBy(one) - sortedBy(other) }),
  }))
}

type Words = (key: string) => string

const seconds = (value: number | null): string => (value === null ? '\u2013' : clockTime(value))

interface Against {
  target: number
  coverageLimit: number
}

/** A name that leads to the channels behind the row. */
export function nameColumn<R extends OnlineRate>(
  title: string,
  nameOf: (row: R) => string,
  open: (row: R) => void,
): Column<R> {
  return {
    key: 'name',
    title,
    cell: (row) => nameOf(row),
    shown: (row) =>
      h(
        NButton,
        { text: true, type: 'primary', 'data-testid': `rate-${row.key}`, onClick: () => open(row) },
        () => nameCell(nameOf(row), row.key.replace(/^.*\//, '')),
      ),
  }
}

/** The key as digits, for files only. */
export function keyCell<R extends OnlineRate>(t: Words): Column<R> {
  return { key: 'key', title: t('figures.key'), cell: (row) => row.key }
}

/** Rate, verdict and coverage. */
export function rateColumns<R extends OnlineRate>(t: Words, { target, coverageLimit }: Against): Column<R>[] {
  const verdict = (row: R): OnlineRate['verdict'] => verdictOf(row, target, coverageLimit)
  return [
    {
      key: 'rate',
      title: t('figures.rate'),
      width: 116,
      cell: (row) => percent(row.online_rate),
      shown: (row) => h('strong', { class: 'number', 'data-testid': `rate-of-${row.key}` }, percent(row.online_rate)),
      sortedBy: (row) => row.online_rate ?? -1,
    },
    {
      key: 'verdict',
      title: t('figures.verdict'),
      width: 150,
      cell: (row) => t(`verdict.${verdict(row)}`),
      shown: (row) => h(VerdictMark, { verdict: verdict(row) }),
    },
    {
      key: 'coverage',
      title: t('figures.coverage'),
      width: 116,
      cell: (row) => percent(row.coverage),
      sortedBy: (row) => row.coverage ?? -1,
    },
  ]
}

/** How many channels a row has. */
export function channelsColumn<R extends OnlineRate>(t: Words): Column<R> {
  return {
    key: 'channels',
    title: t('field.channels'),
    width: 104,
    cell: (row) => row.channels,
    sortedBy: (row) => row.channels,
  }
}

/** Offline time, outages, and how long they last. */
export function outageColumns<R extends OnlineRate>(t: Words): Column<R>[] {
  return [
    {
      key: 'offline',
      title: t('figures.offline'),
      width: 112,
      cell: (row) => seconds(row.offline_s),
      sortedBy: (row) => row.offline_s,
    },
    {
      key: 'outages',
      title: t('figures.outages'),
      width: 108,
      cell: (row) => row.outages,
      sortedBy: (row) => row.outages ?? -1,
    },
    {
      key: 'mttr',
      title: t('figures.mttr'),
      width: 104,
      cell: (row) => seconds(row.mttr_s),
      sortedBy: (row) => row.mttr_s ?? -1,
    },
    {
      key: 'longest',
      title: t('figures.longest'),
      width: 112,
      cell: (row) => seconds(row.longest_outage_s),
      sortedBy: (row) => row.longest_outage_s ?? -1,
    },
  ]
}

/** Time that is outside of every rate. */
export function apartColumns<R extends OnlineRate>(t: Words): Column<R>[] {
  return [
    { key: 'unknown', title: t('state.unknown'), width: 104, cell: (row) => clockTime(row.unknown_s) },
    { key: 'excluded', title: t('state.excluded'), width: 104, cell: (row) => clockTime(row.excluded_s) },
  ]
}
