{{- /* bridge.toml: values.config without its secrets. */ -}}
{{- define "bridge.toml" -}}
{{- $secrets := .Files.Get "files/secret-keys.json" | fromJson -}}
{{- range $key, $value := omit .Values.config "integrations" }}
{{- if not (kindIs "map" $value) }}{{ include "bridge.toml.line" (list $key $value) }}{{ end }}
{{- end }}
{{- range $slice, $keys := omit .Values.config "integrations" }}
{{- if kindIs "map" $keys }}
[{{ $slice }}]
{{ range $key, $value := $keys }}
{{- if not (has $key (get $secrets $slice | default list)) }}{{ include "bridge.toml.line" (list $key $value) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.config.integrations }}
[[integrations]]
{{ range $key, $value := . }}
{{- if not (has $key $secrets.integrations) }}{{ include "bridge.toml.line" (list $key $value) }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* `key = value` and the end of the line; nothing for null, which TOML does not have. */ -}}
{{- define "bridge.toml.line" -}}
{{- $value := last . -}}
{{- if not (kindIs "invalid" $value) }}{{ first . }} = {{ include "bridge.toml.value" $value }}
{{ end }}
{{- end -}}

{{- /* A value on one line. JSON strings and numbers are valid TOML; JSON objects are not. */ -}}
{{- define "bridge.toml.value" -}}
{{- if kindIs "map" . -}}
{{- $map := . -}}
{{- $pairs := list -}}
{{- range $key := keys . | sortAlpha -}}
{{- if not (kindIs "invalid" (get $map $key)) -}}
{{- $pairs = append $pairs (printf "%s = %s" (toRawJson $key) (include "bridge.toml.value" (get $map $key))) -}}
{{- end -}}
{{- end -}}
{ {{- join ", " $pairs -}} }
{{- else if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . -}}{{- $items = append $items (include "bridge.toml.value" .) -}}{{- end -}}
[{{- join ", " $items -}}]
{{- else -}}
{{- toRawJson . -}}
{{- end -}}
{{- end -}}

{{- /* The variables of the secrets in values.config: name → value, as JSON. */ -}}
{{- define "bridge.secretVariables" -}}
{{- $secrets := .Files.Get "files/secret-keys.json" | fromJson -}}
{{- $found := dict -}}
{{- range $slice, $keys := omit $secrets "integrations" -}}
{{- range $key := $keys -}}
{{- $value := dig $slice $key "" $.Values.config -}}
{{- if $value }}{{ $_ := set $found (printf "BRIDGE_%s_%s" $slice $key | upper) $value }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $integration := .Values.config.integrations -}}
{{- range $key := $secrets.integrations -}}
{{- $value := get $integration $key -}}
{{- if $value }}{{ $_ := set $found (include "bridge.integrationVariable" (list $integration.id $key)) $value }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{- define "bridge.integrationVariable" -}}
{{- printf "BRIDGE_INTEGRATIONS_%s_%s" (first . | upper | replace "-" "_") (last . | upper) -}}
{{- end -}}

{{- /* The variables whose values are in existing Secrets: a list of env entries, as JSON. */ -}}
{{- define "bridge.secretReferences" -}}
{{- $env := list -}}
{{- range $slice, $keys := omit .Values.secretRefs "integrations" -}}
{{- range $key, $ref := $keys -}}
{{- $env = append $env (dict "name" (printf "BRIDGE_%s_%s" $slice $key | upper) "valueFrom" (dict "secretKeyRef" $ref)) -}}
{{- end -}}
{{- end -}}
{{- range $id, $keys := .Values.secretRefs.integrations -}}
{{- range $key, $ref := $keys -}}
{{- $name := include "bridge.integrationVariable" (list $id $key) -}}
{{- $env = append $env (dict "name" $name "valueFrom" (dict "secretKeyRef" $ref)) -}}
{{- end -}}
{{- end -}}
{{- toJson $env -}}
{{- end -}}
