{{- /* Refuses values that would fail in the cluster, or only seem to work. */ -}}
{{- define "bridge.refusals" -}}
{{- $config := .Values.config -}}
{{- /* The chart cannot see the content of an existing Secret, and trusts it. */ -}}
{{- $known := not (empty .Values.existingSecrets) -}}
{{- if not (or $known (dig "sealing" "key" "" $config) (dig "sealing" "key" "" .Values.secretRefs)) -}}
{{- fail "config.sealing.key, secretRefs.sealing.key or existingSecrets: the installation's key must be given (openssl rand -base64 32); one made in a pod would be lost with it, and all that is sealed" -}}
{{- end -}}
{{- if not (or $known (dig "store" "url" "" $config) (dig "store" "url" "" .Values.secretRefs)) -}}
{{- fail "config.store.url, secretRefs.store.url or existingSecrets: the address of PostgreSQL must be given" -}}
{{- end -}}
{{- if not (dig "kafka" "bootstrap_servers" "" $config) -}}
{{- fail "config.kafka.bootstrap_servers: the address of Kafka must be given" -}}
{{- end -}}
{{- $roles := list -}}
{{- range $role, $settings := .Values.roles -}}{{- if $settings.enabled -}}{{- $roles = append $roles $role -}}{{- end -}}{{- end -}}
{{- if not $roles -}}
{{- fail "roles: none is enabled" -}}
{{- end -}}
{{- if and (or (has "poller" $roles) (has "commands" $roles)) (not $config.integrations) -}}
{{- fail "config.integrations: none is given; add one with id and region, or switch the poller and the commands off" -}}
{{- end -}}
{{- if and (eq .Values.mode "sidecar") (has "webhooks" $roles) (not (has "poller" $roles)) -}}
{{- fail "mode: sidecar puts the webhooks into the poller's pods, and the poller is not enabled" -}}
{{- end -}}
{{- range $slice := list "api" "monitoring" -}}
{{- $listen := dig $slice "listen" "" $config -}}
{{- if not (regexMatch ":0*[1-9][0-9]*$" $listen) -}}
{{- fail (printf "config.%s.listen: %q has no port that others know; set one that is not 0, as in 0.0.0.0:8420" $slice $listen) -}}
{{- end -}}
{{- end -}}
{{- if eq (include "bridge.apiPort" .) (include "bridge.monitoringPort" .) -}}
{{- fail "config.monitoring.listen: is the API's port too; the two listen side by side" -}}
{{- end -}}
{{- range $id := keys (.Values.secretRefs.integrations | default dict) -}}
{{- $ids := list -}}{{- range $config.integrations -}}{{- $ids = append $ids .id -}}{{- end -}}
{{- if not (has $id $ids) -}}
{{- fail (printf "secretRefs.integrations.%s: config.integrations has none of this id" $id) -}}
{{- end -}}
{{- end -}}
{{- if dig "kafka" "group_instance_id" "" $config -}}
{{- range include "bridge.workloads" . | fromJsonArray -}}
{{- if or .settings.stableNames (dig "autoscaling" "enabled" false .settings) (gt (int .settings.replicas) 1) -}}
{{- fail (printf "config.kafka.group_instance_id: must never be the same for two that run, and %s may have several pods; use stableNames" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
