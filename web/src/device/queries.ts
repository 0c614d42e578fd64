import { useQuery } from '@tanstack/vue-query'
import type { Ref } from 'vue'
import { api, take } from '@/api/client'
import { useFreshness } from '@/devices/queries'

const LOOK_EVERY_MS = 15_000
const MANY = 1000

const path = (deviceId: Ref<string>) => ({ path: { device_id: deviceId.value } })

/** Why a device is not there, of any ID, on file or not. */
export function useDiagnosis(deviceId: Ref<string>, everyMs = LOOK_EVERY_MS) {
  useFreshness(
    [['diagnosis']],
    ['device_came_online', 'device_went_offline', 'registration_failed', 'duplicate_device', 'session_changed', 'resync'],
    (event) => event.device_id === undefined || event.device_id === deviceId.value,
  )
  return useQuery({
    queryKey: ['diagnosis', deviceId],
    refetchInterval: everyMs,
    queryFn: ({ signal }) =>
      take(api.GET('/api/v1/devices/{device_id}/diagnosis', { params: path(deviceId), signal })),
  })
}

/** What a device does its own way. */
export function useConformance(deviceId: Ref<string>) {
  return useQuery({
    queryKey: ['conformance', deviceId],
    refetchInterval: LOOK_EVERY_MS,
    queryFn: ({ signal }) =>
      take(api.GET('/api/v1/devices/{device_id}/conformance', { params: path(deviceId), signal })),
  })
}

/** What is odd about the IDs and parents of a device and its channels. */
export function useAnomalies(deviceId: Ref<string>) {
  useFreshness([['anomalies']], ['anomaly_found', 'catalog_changed', 'resync'])
  return useQuery({
    queryKey: ['anomalies', deviceId],
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/anomalies', {
          params: { query: { device_id: deviceId.value, limit: MANY } },
          signal,
        }),
      ),
  })
}

/** IDs that several units claim. */
export function useDuplicates() {
  useFreshness([['duplicates']], ['duplicate_device', 'resync'])
  return useQuery({
    queryKey: ['duplicates'],
    refetchInterval: LOOK_EVERY_MS,
    queryFn: ({ signal }) =>
      take(api.GET('/api/v1/devices/duplicates', { params: { query: { limit: MANY } }, signal })),
  })
}

/** What is subscribed at a device. */
export function useSubscriptions(deviceId: Ref<string>) {
  useFreshness([['subscriptions']], ['subscription_changed', 'device_changed', 'resync'])
  return useQuery({
    queryKey: ['subscriptions', deviceId],
    refetchInterval: LOOK_EVERY_MS,
    queryFn: ({ signal }) =>
      take(api.GET('/api/v1/devices/{device_id}/subscriptions', { params: path(deviceId), signal })),
  })
}

/** How a device is spoken to, value by value. */
export function useProfile(deviceId: Ref<string>) {
  useFreshness([['profile']], ['device_changed', 'device_came_online', 'resync'])
  return useQuery({
    queryKey: ['profile', deviceId],
    queryFn: ({ signal }) =>
      take(api.GET('/api/v1/devices/{device_id}/profile', { params: path(deviceId), signal })),
  })
}

/** The profiles that a device can be set to. */
export function useProfiles() {
  return useQuery({
    queryKey: ['profiles'],
    staleTime: Infinity,
    queryFn: ({ signal }) => take(api.GET('/api/v1/profiles', { signal })),
  })
}
