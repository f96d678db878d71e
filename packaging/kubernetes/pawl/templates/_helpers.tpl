{{- /* A name becomes that of a pod's host, which has no dot and 63 characters: Kubernetes adds 11 to a CronJob's and 4 to a shard's. */ -}}
{{- define "pawl.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "pawl" $name) -}}{{- $name = printf "%s-pawl" $name -}}{{- end -}}
{{- default $name .Values.fullnameOverride | replace "." "-" | trunc 47 | trimAll "-" -}}
{{- end -}}

{{- define "pawl.labels" -}}
{{ include "pawl.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | toJson }}
app.kubernetes.io/managed-by: {{ .Release.Service | toJson }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | toJson }}
{{- end -}}

{{- define "pawl.selector" -}}
app.kubernetes.io/name: pawl
app.kubernetes.io/instance: {{ .Release.Name | toJson }}
{{- end -}}

{{- /* A tag or a digest of the values is all that is said; without one it is the release's own image. */ -}}
{{- define "pawl.image" -}}
{{- $i := .Values.image -}}
{{- $tag := $i.tag -}}
{{- $digest := $i.digest -}}
{{- if not (or $tag $digest) -}}
{{- $tag = .Chart.AppVersion -}}
{{- $digest = index .Chart.Annotations "digest" -}}
{{- end -}}
{{- $i.repository -}}
{{- if $tag -}}:{{ $tag }}{{- end -}}
{{- if $digest -}}@{{ $digest }}{{- end -}}
{{- end -}}

{{- /* A value as YAML reads it again, in one line: toYaml writes some line breaks of Unicode as they are. */ -}}
{{- define "pawl.value" -}}
{{- toJson . | replace "\u0085" "\\u0085" -}}
{{- end -}}

{{- /* A line for each key of a map of texts. */ -}}
{{- define "pawl.lines" -}}
{{- range $key, $text := . }}
{{ include "pawl.value" $key }}: {{ include "pawl.value" $text }}
{{- end -}}
{{- end -}}

{{- /* The file of the fleet as a text. */ -}}
{{- define "pawl.fleet" -}}
{{- if kindIs "string" .Values.fleet -}}{{ .Values.fleet }}{{- else -}}{{ toYaml .Values.fleet }}{{ "\n" }}{{- end -}}
{{- end -}}

{{- /* What a schema cannot say, or not so that a person knows what to do. A text that may be a secret is not repeated. */ -}}
{{- define "pawl.check" -}}
{{- $v := .Values -}}
{{- if regexMatch "\\bgh[oprsu]_[0-9A-Za-z]{20}|\\bgithub_pat_[0-9A-Za-z_]{20}|\\bglpat-[0-9A-Za-z_-]{16}|-----BEGIN [A-Z ]*PRIVATE KEY" (toJson $v) -}}
{{- fail "a token or a key stands in the values, which Helm keeps in clear: put it into a Secret and name that under secrets" -}}
{{- end -}}
{{- range $i, $name := $v.secrets -}}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$" (toString $name)) -}}{{- fail (printf "secrets[%d]: want the name of a Secret that is there" $i) -}}{{- end -}}
{{- end -}}
{{- if not (or $v.fleet $v.existingConfigMap) -}}
{{- fail "no profile is listed: give the file of the fleet (--set-file fleet=fleet.yaml), or existingConfigMap" -}}
{{- end -}}
{{- if and $v.fleet $v.existingConfigMap -}}{{- fail "fleet and existingConfigMap both say what the fleet is: leave one of them" -}}{{- end -}}
{{- if and (not $v.image.tag) (not $v.image.digest) (not (index .Chart.Annotations "digest")) -}}
{{- fail "this chart is no release and has no image: set image.tag or image.digest" -}}
{{- end -}}
{{- if and (not $v.image.digest) (has (lower (toString $v.image.tag)) (list "latest" "edge" "main" "master" "nightly" "stable")) -}}
{{- fail (printf "image.tag: %s moves: name a version, or image.digest" $v.image.tag) -}}
{{- end -}}
{{- range $name, $value := $v.env -}}
{{- if or (regexMatch "(?i)token|secret|passw|credential|private|api_?key|headers" $name) (regexMatch "://[^/@]*@" (toString $value)) -}}
{{- fail (printf "env.%s: this is a secret: put it into a Secret and name that under secrets" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $v.caCertificates.configMap (hasKey $v.env "SSL_CERT_DIR") -}}
{{- fail "env.SSL_CERT_DIR: caCertificates says where certificates are: leave one of them" -}}
{{- end -}}
{{- if and $v.snapshot.enabled (not $v.snapshot.existingClaim) (gt (int $v.shards) 1) (ne $v.snapshot.accessMode "ReadWriteMany") -}}
{{- fail (printf "snapshot.accessMode: %d shards run on several nodes: want ReadWriteMany, or shards: 1" (int $v.shards)) -}}
{{- end -}}
{{- $mounted := list "/fleet" "/certificates" "/snapshot" -}}
{{- range $i, $d := $v.docker -}}
{{- if has $d.path $mounted -}}{{- fail (printf "docker[%d].path: something else is at %s" $i $d.path) -}}{{- end -}}
{{- $mounted = append $mounted $d.path -}}
{{- end -}}
{{- if $v.fleet -}}{{- include "pawl.checkFleet" . -}}{{- end -}}
{{- end -}}

{{- define "pawl.checkFleet" -}}
{{- $v := .Values -}}
{{- $text := include "pawl.fleet" . -}}
{{- if gt (len $text) 1000000 -}}{{- fail (printf "fleet: %d bytes are more than a ConfigMap holds: make two releases of it" (len $text)) -}}{{- end -}}
{{- $fleet := fromYaml $text -}}
{{- if hasKey $fleet "Error" -}}{{- fail (printf "fleet: %s" $fleet.Error) -}}{{- end -}}
{{- if not (and (kindIs "slice" $fleet.profiles) $fleet.profiles) -}}{{- fail "fleet: want profiles: [{repository: OWNER/NAME, token: VARIABLE}]" -}}{{- end -}}
{{- $mounted := list -}}
{{- range $v.docker -}}{{- $mounted = append $mounted .path -}}{{- end -}}
{{- range $i, $p := $fleet.profiles -}}
{{- if not (kindIs "map" $p) -}}{{- fail (printf "fleet.profiles[%d]: want {repository: OWNER/NAME, token: VARIABLE}" $i) -}}{{- end -}}
{{- $names := list -}}
{{- if $p.token -}}{{- $names = append $names $p.token -}}{{- end -}}
{{- if kindIs "slice" $p.env -}}{{- $names = concat $names $p.env -}}{{- end -}}
{{- range $names -}}
{{- if not (regexMatch "^[A-Za-z_][A-Za-z0-9_]*$" (toString .)) -}}
{{- fail (printf "fleet.profiles[%d]: token and env want the name of a variable: name the one that holds it" $i) -}}
{{- end -}}
{{- end -}}
{{- if and $p.token (not $v.secrets) -}}
{{- fail (printf "fleet.profiles[%d]: secrets is empty: name the Secret whose key is the variable %s" $i $p.token) -}}
{{- end -}}
{{- if and $p.token (hasKey $v.env (toString $p.token)) -}}
{{- fail (printf "env.%s: this is the token of fleet.profiles[%d]: put it into a Secret and name that under secrets" $p.token $i) -}}
{{- end -}}
{{- if and (kindIs "map" $p.forge) (regexMatch "://[^/]*@" (toString $p.forge.url)) -}}
{{- fail (printf "fleet.profiles[%d].forge.url: want an address without credentials" $i) -}}
{{- end -}}
{{- if and $p.docker (not (has $p.docker $mounted)) -}}
{{- fail (printf "fleet.profiles[%d].docker: nothing is at %s: write an absolute path, and add {path: PATH, secret: NAME} under docker" $i $p.docker) -}}
{{- end -}}
{{- end -}}
{{- $deadline := "30m" -}}
{{- if kindIs "map" $fleet.limits -}}{{- $deadline = toString (default $deadline $fleet.limits.deadline) -}}{{- end -}}
{{- if regexMatch "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$" $deadline -}}
{{- $seconds := 0 -}}
{{- range $unit, $factor := dict "h" 3600 "m" 60 "s" 1 -}}
{{- $seconds = regexFind (printf "[0-9]+%s" $unit) $deadline | trimSuffix $unit | int | mul $factor | add $seconds -}}
{{- end -}}
{{- if le (int $v.activeDeadlineSeconds) (int $seconds) -}}
{{- fail (printf "activeDeadlineSeconds: the job ends after %d s, and its fleet no sooner than limits.deadline: %s" (int $v.activeDeadlineSeconds) $deadline) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A pod that runs pawl: root is the chart's own scope, args are pawl's, write says that it writes the snapshot. */ -}}
{{- define "pawl.pod" -}}
{{- $v := .root.Values -}}
metadata:
  labels:
    {{- merge (include "pawl.labels" .root | fromYaml) $v.podLabels | include "pawl.lines" | indent 4 }}
  {{- with $v.podAnnotations }}
  annotations:
    {{- include "pawl.lines" . | indent 4 }}
  {{- end }}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with include "pawl.account" .root }}
  serviceAccountName: {{ . | toJson }}
  {{- end }}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | toJson }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    {{- if not (kindIs "invalid" $v.runAsUser) }}
    runAsUser: {{ int64 $v.runAsUser }}
    {{- end }}
    {{- if not (kindIs "invalid" $v.runAsGroup) }}
    runAsGroup: {{ int64 $v.runAsGroup }}
    {{- if $v.snapshot.enabled }}
    fsGroup: {{ int64 $v.runAsGroup }}
    fsGroupChangePolicy: OnRootMismatch
    {{- end }}
    {{- end }}
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: pawl
      image: {{ include "pawl.image" .root | toJson }}
      imagePullPolicy: {{ $v.image.pullPolicy | toJson }}
      args: {{ .args | toJson }}
      {{- if or $v.env $v.caCertificates.configMap }}
      env:
        {{- range $name, $value := $v.env }}
        - name: {{ $name | toJson }}
          value: {{ $value | replace "$(" "$$(" | include "pawl.value" }}
        {{- end }}
        {{- if $v.caCertificates.configMap }}
        - name: SSL_CERT_DIR # beside the file of the image
          value: /certificates
        {{- end }}
      {{- end }}
      {{- with $v.secrets }}
      envFrom:
        {{- range . }}
        - secretRef:
            name: {{ . | toJson }}
        {{- end }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources:
        {{- range $key, $bounds := $v.resources }}
        {{ $key }}: {{ include "pawl.value" $bounds }}
        {{- end }}
      volumeMounts:
        - {name: fleet, mountPath: /fleet, readOnly: true}
        {{- range $i, $d := $v.docker }}
        - {name: docker-{{ $i }}, mountPath: {{ $d.path | toJson }}, readOnly: true}
        {{- end }}
        {{- if $v.caCertificates.configMap }}
        - {name: certificates, mountPath: /certificates, readOnly: true}
        {{- end }}
        {{- if $v.snapshot.enabled }}
        - {name: snapshot, mountPath: /snapshot, readOnly: {{ not .write }}}
        {{- end }}
  volumes:
    - name: fleet
      configMap:
        name: {{ default (include "pawl.name" .root) $v.existingConfigMap | toJson }}
    {{- range $i, $d := $v.docker }}
    - name: docker-{{ $i }}
      secret:
        secretName: {{ $d.secret | toJson }}
        items: [{key: {{ default ".dockerconfigjson" $d.key | toJson }}, path: config.json}]
    {{- end }}
    {{- with $v.caCertificates.configMap }}
    - name: certificates
      configMap:
        name: {{ . | toJson }}
    {{- end }}
    {{- if $v.snapshot.enabled }}
    - name: snapshot
      persistentVolumeClaim:
        claimName: {{ default (include "pawl.name" .root) $v.snapshot.existingClaim | toJson }}
    {{- end }}
  {{- with $v.nodeSelector }}
  nodeSelector:
    {{- include "pawl.lines" . | indent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations: {{ include "pawl.value" . }}
  {{- end }}
  {{- with $v.affinity }}
  affinity: {{ include "pawl.value" . }}
  {{- end }}
{{- end -}}

{{- define "pawl.account" -}}
{{- with .Values.serviceAccount -}}
{{- if .name -}}{{ .name }}{{- else if .create -}}{{ include "pawl.name" $ }}{{- end -}}
{{- end -}}
{{- end -}}
