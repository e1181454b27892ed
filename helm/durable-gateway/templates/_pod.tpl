{{/* The pod, of the Deployment as of the StatefulSet. */}}
{{- define "durable-gateway.pod" -}}
{{- include "durable-gateway.check" . -}}
{{- $redis := eq .Values.store.mode "redis" -}}
metadata:
  labels:
    {{- include "durable-gateway.selector" . | nindent 4 }}
    {{- with merge (dict) .Values.podLabels .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: gateway
    # Routes, clusters and policies are reloaded; everything else that is in a file or a Secret of the release rolls out.
    checksum/config: {{ toJson .Values.config | sha256sum }}
    {{- if .Values.rolloutOnRouteChange }}
    checksum/routes: {{ include "durable-gateway.reloaded" . | sha256sum }}
    {{- end }}
    {{- if and $redis .Values.redis.connectionString }}
    checksum/redis: {{ .Values.redis.connectionString | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "durable-gateway.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- /* The pause, the attempts, twice five seconds for handing back, and five more for the process to end. */}}
  terminationGracePeriodSeconds: {{ add .Values.shutdown.preStopSeconds .Values.shutdown.timeoutSeconds 15 }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: gateway
      image: {{ include "durable-gateway.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - --config
        - /etc/durable-gateway/gateway.json
        {{- with .Values.upstream }}
        - --upstream
        - {{ . | quote }}
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      env:
        - name: POD_IP
          valueFrom:
            fieldRef:
              fieldPath: status.podIP
        # The file below is replaced by turning a link, which only polling notices.
        - name: DOTNET_USE_POLLING_FILE_WATCHER
          value: "1"
        - name: Durable__Listeners__Public
          value: http://*:8080
        - name: Durable__Listeners__Control
          value: http://*:8081
        - name: Durable__AdvertisedAddress
          value: {{ .Values.advertisedAddress | quote }}
        - name: Durable__SharedAddress
          value: {{ .Values.sharedAddress | default (include "durable-gateway.controlUrl" .) | quote }}
        - name: Durable__Lease
          value: {{ .Values.lease | quote }}
        - name: Durable__ShutdownTimeout
          value: {{ include "durable-gateway.timeSpan" .Values.shutdown.timeoutSeconds | quote }}
        {{- with .Values.publicBaseUrl }}
        - name: Durable__PublicBaseUrl
          value: {{ . | quote }}
        {{- end }}
        - name: Durable__Store__Shards
          value: {{ .Values.store.shards | quote }}
        {{- if and (not $redis) .Values.embedded.maxBytes }}
        - name: Durable__Store__MaxBytes
          value: {{ .Values.embedded.maxBytes | quote }}
        {{- end }}
        {{- if $redis }}
        {{- if .Values.redis.minReplicas }}
        - name: Durable__Store__MinReplicas
          value: {{ .Values.redis.minReplicas | quote }}
        {{- end }}
        {{- if .Values.redis.passwordSecret }}
        - name: REDIS_PASSWORD
          valueFrom:
            secretKeyRef:
              name: {{ .Values.redis.passwordSecret }}
              key: {{ .Values.redis.passwordSecretKey }}
        - name: Durable__Store__ConnectionString
          value: {{ printf "%s,password=$(REDIS_PASSWORD)" .Values.redis.connectionString | quote }}
        {{- else }}
        - name: Durable__Store__ConnectionString
          valueFrom:
            secretKeyRef:
              name: {{ include "durable-gateway.redisSecret" . }}
              key: {{ ternary .Values.redis.existingSecretKey "connection-string" (ne .Values.redis.existingSecret "") }}
        {{- end }}
        {{- else }}
        - name: Durable__Store__DataDirectory
          value: /data
        {{- end }}
        {{- if .Values.keys.existingSecret }}
        {{- range $i, $key := .Values.keys.secretKeys }}
        - name: Durable__Keys__{{ $i }}
          valueFrom:
            secretKeyRef:
              name: {{ $.Values.keys.existingSecret }}
              key: {{ $key }}
        {{- end }}
        {{- end }}
        {{- range $i, $key := ternary .Values.admin.secretKeys (list "api-key") (ne .Values.admin.existingSecret "") }}
        - name: Durable__Admin__ApiKeys__{{ $i }}
          valueFrom:
            secretKeyRef:
              name: {{ include "durable-gateway.adminSecret" $ }}
              key: {{ $key }}
        {{- end }}
        {{- with .Values.telemetry.otlpEndpoint }}
        - name: OTEL_EXPORTER_OTLP_ENDPOINT
          value: {{ . | quote }}
        - name: OTEL_SERVICE_NAME
          value: {{ include "durable-gateway.name" $ }}
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: OTEL_RESOURCE_ATTRIBUTES
          value: k8s.namespace.name={{ $.Release.Namespace }},k8s.pod.name=$(POD_NAME){{ range $name, $value := $.Values.telemetry.resourceAttributes }},{{ $name }}={{ $value }}{{ end }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: public
          containerPort: 8080
        - name: control
          containerPort: 8081
      {{- if .Values.shutdown.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.shutdown.preStopSeconds }}
      {{- end }}
      startupProbe:
        httpGet:
          path: /healthz
          port: control
        {{- with .Values.probes.startup }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      livenessProbe:
        httpGet:
          path: /healthz
          port: control
        {{- with .Values.probes.liveness }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      readinessProbe:
        httpGet:
          path: {{ .Values.probes.readinessPath }}
          port: control
        {{- with .Values.probes.readiness }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        # As a directory: a file mounted by subPath would never change.
        - name: config
          mountPath: /etc/durable-gateway
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- if not $redis }}
        - name: data
          mountPath: /data
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "durable-gateway.fullname" . }}
    - name: tmp
      emptyDir: {}
    {{- if not $redis }}
    {{- if not .Values.embedded.persistence.enabled }}
    - name: data
      emptyDir: {}
    {{- else if .Values.embedded.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.embedded.persistence.existingClaim }}
    {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and $redis .Values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- if .Values.topologySpread.constraints }}
    {{- toYaml .Values.topologySpread.constraints | nindent 4 }}
    {{- else }}
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "durable-gateway.selector" $ | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
    {{- end }}
  {{- end }}
{{- end }}
