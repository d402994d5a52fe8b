{{- /* The workloads: a list of {name, settings, containers: [{name, roles, monitoringPort, settings}]}, as JSON. */ -}}
{{- define "bridge.workloads" -}}
{{- $all := list "poller" "relay" "commands" "webhooks" "api" -}}
{{- $port := include "bridge.monitoringPort" . | int -}}
{{- $enabled := list -}}
{{- range $all -}}{{- if (get $.Values.roles .).enabled -}}{{- $enabled = append $enabled . -}}{{- end -}}{{- end -}}
{{- $workloads := list -}}
{{- if eq .Values.mode "one" -}}
{{- $container := dict "name" "bridge" "roles" $enabled "all" (eq (len $enabled) (len $all)) "monitoringPort" $port "settings" .Values.one -}}
{{- $workloads = list (dict "name" "all" "settings" .Values.one "containers" (list $container)) -}}
{{- else -}}
{{- $sidecar := and (eq .Values.mode "sidecar") (has "webhooks" $enabled) -}}
{{- range $role := $enabled -}}
{{- $settings := get $.Values.roles $role -}}
{{- $containers := list (dict "name" $role "roles" (list $role) "monitoringPort" $port "settings" $settings) -}}
{{- if and $sidecar (eq $role "poller") -}}
{{- /* The containers of a pod share one address, so the second has the next port. */ -}}
{{- $containers = append $containers (dict "name" "webhooks" "roles" (list "webhooks") "monitoringPort" (add1 $port) "settings" $.Values.roles.webhooks) -}}
{{- end -}}
{{- if not (and $sidecar (eq $role "webhooks")) -}}
{{- $workloads = append $workloads (dict "name" $role "settings" $settings "containers" $containers) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $workloads -}}
{{- end -}}

{{- /* One container of a pod: (root, container, workload). */ -}}
{{- define "bridge.container" -}}
{{- $root := index . 0 -}}{{- $container := index . 1 -}}{{- $workload := index . 2 -}}
{{- $port := int $container.monitoringPort -}}
{{- $own := $container.settings.probes | default dict -}}
{{- $times := $root.Values.probes -}}
name: {{ $container.name }}
image: {{ include "bridge.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args:
  - run
  {{- if not $container.all }}
  {{- range $container.roles }}
  - --only={{ . }}
  {{- end }}
  {{- end }}
{{ include "bridge.environment" (list $root (include "bridge.fullname" $root)) }}
  {{- if ne $port (include "bridge.monitoringPort" $root | int) }}
  - name: BRIDGE_MONITORING_LISTEN
    value: {{ regexReplaceAll "[0-9]+$" $root.Values.config.monitoring.listen (toString $port) | quote }}
  {{- end }}
  {{- if $workload.settings.stableNames }}
  - name: BRIDGE_KAFKA_GROUP_INSTANCE_ID
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- end }}
  {{- with $root.Values.pods.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: {{ eq $container.name "webhooks" | and (gt (len $workload.containers) 1) | ternary "hooks-metrics" "metrics" }}
    containerPort: {{ $port }}
  {{- if has "api" $container.roles }}
  - name: api
    containerPort: {{ include "bridge.apiPort" $root }}
  {{- end }}
startupProbe:
  httpGet: {path: /livez, port: {{ $port }}}
  {{- merge (deepCopy ($own.startup | default dict)) $times.startup | toYaml | nindent 2 }}
livenessProbe:
  httpGet: {path: /livez, port: {{ $port }}}
  {{- merge (deepCopy ($own.liveness | default dict)) $times.liveness | toYaml | nindent 2 }}
readinessProbe:
  {{- /* True if the Service may send requests here: the API needs only PostgreSQL; Kafka may be down. */}}
  httpGet: {path: /readyz, port: {{ has "api" $container.roles | ternary (include "bridge.apiPort" $root | int) $port }}}
  {{- merge (deepCopy ($own.readiness | default dict)) $times.readiness | toYaml | nindent 2 }}
{{- if and (has "api" $container.roles) $root.Values.pods.apiPreStopSeconds }}
lifecycle:
  preStop: {sleep: {seconds: {{ int $root.Values.pods.apiPreStopSeconds }}}}
{{- end }}
resources:
  {{- toYaml ($container.settings.resources | default dict) | nindent 2 }}
{{ include "bridge.containerGround" $root }}
{{- end -}}

{{- /* The sources of the settings: (root, name of the ConfigMap and the Secret). Ends within `env`. */ -}}
{{- define "bridge.environment" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $made := include "bridge.secretVariables" $root | fromJson -}}
{{- if or $made $root.Values.existingSecrets }}
envFrom:
  {{- if $made }}
  - secretRef: {name: {{ $name }}}
  {{- end }}
  {{- range $root.Values.existingSecrets }}
  - secretRef: {name: {{ . }}}
  {{- end }}
{{- end }}
env:
  - name: BRIDGE_CONFIG
    value: /etc/trackerrms-bridge/bridge.toml
  {{- with include "bridge.secretReferences" $root | fromJsonArray }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- /* The properties of every container, including the Job's. */ -}}
{{- define "bridge.containerGround" -}}
securityContext:
  {{- toYaml .Values.pods.containerSecurityContext | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/trackerrms-bridge
    readOnly: true
  - name: tmp
    mountPath: /tmp
  {{- with .Values.pods.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- /* The properties of every pod: (root, name of the ConfigMap, name of the ServiceAccount). */ -}}
{{- define "bridge.podGround" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ index . 2 }}
automountServiceAccountToken: false
# A Service called "bridge" would come in as BRIDGE_PORT and the like, which are no settings.
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml $root.Values.pods.securityContext | nindent 2 }}
volumes:
  - name: config
    configMap: {name: {{ index . 1 }}}
  - name: tmp
    emptyDir: {}
  {{- with $root.Values.pods.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
