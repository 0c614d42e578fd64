import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import FactTree from '@/device/FactTree.vue'

describe('FactTree', () => {
  it('shows values by their names, however deep they stand', () => {
    const tree = mount(FactTree, { props: { value: { block: { rows: [{ mode: 2 }] }, sentence: '' } } })

    expect(tree.findAll('dt').map((name) => name.text())).toEqual(['block', 'rows', '1', 'mode', 'sentence'])
    expect(tree.text()).toContain('2')
  })

  it('shows a dash for what the device did not say', () => {
    expect(mount(FactTree, { props: { value: null } }).text()).toBe('\u2013')
  })

  it('tells no from nothing', () => {
    expect(mount(FactTree, { props: { value: false } }).text()).toBe('false')
    expect(mount(FactTree, { props: { value: 0 } }).text()).toBe('0')
  })
})
