using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Testing;

/// <summary>An in-memory gateway that answers the checkpoints of one run.</summary>
internal sealed class TestGateway(Func<int> attempt, Func<int> maxAttempts)
{
    public const string RunId = "00000000-0000-7000-8000-000000000001";
    public const string Url = "http://test.invalid/_durable/v1/runs/" + RunId;

    private readonly object _lock = new();
    private readonly List<(string Step, StepOutcome Outcome)> _stored = [];
    private readonly Dictionary<string, StepOutcome> _scripted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _pending = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _tries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _started = new(StringComparer.Ordinal);
    private readonly List<string> _events = [];

    public IReadOnlyList<string> Stored
    {
        get
        {
            lock (_lock) return [.. _stored.Select(row => row.Step)];
        }
    }

    public IReadOnlyList<string> Events
    {
        get
        {
            lock (_lock) return [.. _events];
        }
    }

    /// <summary>Whether a pending step can continue.</summary>
    public bool CanGoOn
    {
        get
        {
            lock (_lock) return _pending.Keys.Any(_scripted.ContainsKey);
        }
    }

    public IReadOnlyList<string> Pending(Func<string, bool> ofType)
    {
        lock (_lock) return [.. _pending.Where(step => ofType(step.Value)).Select(step => step.Key)];
    }

    /// <summary>The answer for a step without an outcome.</summary>
    public void Script(string step, bool failed, string contentType, byte[] body)
    {
        lock (_lock) _scripted[step] = new StepOutcome(failed, contentType, body, null);
    }

    /// <summary>A client whose calls this gateway answers.</summary>
    public HttpClient NewClient() => new(new Handler(this));

    private HttpResponseMessage Answer(HttpRequestMessage request, byte[] body)
    {
        lock (_lock)
        {
            if (request.Method == HttpMethod.Get) return Json(HttpStatusCode.OK, List());
            if (request.Method == HttpMethod.Post)
            {
                using var sent = JsonDocument.Parse(body);
                _events.Add(sent.RootElement.GetProperty("type").GetString()!);
                return Json(HttpStatusCode.Accepted, """{"woken":0}"""u8.ToArray());
            }

            return Put(Uri.UnescapeDataString(request.RequestUri!.Segments.Last()), request, body);
        }
    }

    private HttpResponseMessage Put(string step, HttpRequestMessage request, byte[] body)
    {
        if (_stored.Any(row => row.Step == step)) return Already(step);
        var type = Header(request, DurableHeaders.StepType) ?? StepTypes.Run;
        var said = Header(request, DurableHeaders.StepOutcome);
        if (type != StepTypes.Run)
        {
            if (_scripted.TryGetValue(step, out var scripted))
                return Keep(step, new StepOutcome(scripted.Failed, scripted.ContentType, scripted.Body, type));
            _pending[step] = type;
            var waits = new HttpResponseMessage(HttpStatusCode.Accepted);
            if (type == StepTypes.Callback)
                waits.Headers.Add(DurableHeaders.CallbackUrl, "http://test.invalid/_durable/v1/callbacks/" + Uri.EscapeDataString(step));
            return waits;
        }

        if (said == "started")
        {
            if (!_started.TryGetValue(step, out var by)) _started[step] = by = attempt();
            return by == attempt()
                ? new HttpResponseMessage(HttpStatusCode.Created)
                : Keep(step, new StepOutcome(true, StepProblem.ContentType,
                    """{"type":"/_durable/problems/step-interrupted","title":"The step was interrupted"}"""u8.ToArray()));
        }

        var failed = said == "failed";
        _tries[step] = _tries.TryGetValue(step, out var tries) ? tries + 1 : 1;
        if (failed && Header(request, DurableHeaders.Retry) != "?0" && _tries[step] < MaxOf(request))
        {
            _pending[step] = type;
            return new HttpResponseMessage(HttpStatusCode.Accepted);
        }

        Keep(step, new StepOutcome(failed, request.Content?.Headers.ContentType?.ToString() ?? StepContent.JsonType, body)).Dispose();
        return new HttpResponseMessage(HttpStatusCode.Created);
    }

    private HttpResponseMessage Keep(string step, StepOutcome outcome)
    {
        _pending.Remove(step);
        _stored.Add((step, outcome));
        return Already(step);
    }

    private HttpResponseMessage Already(string step)
    {
        var outcome = _stored.Find(row => row.Step == step).Outcome;
        var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(outcome.Body) };
        response.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(outcome.ContentType);
        response.Headers.Add(DurableHeaders.StepOutcome, outcome.Failed ? "failed" : "completed");
        return response;
    }

    private int MaxOf(HttpRequestMessage request)
    {
        foreach (var member in (Header(request, DurableHeaders.StepRetry) ?? "").Split(','))
        {
            var pair = member.Trim().Split('=');
            if (pair.Length == 2 && pair[0] == "max-attempts") return int.Parse(pair[1], CultureInfo.InvariantCulture);
        }

        return maxAttempts();
    }

    private byte[] List()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (var (step, outcome) in _stored)
            {
                json.WriteStartObject();
                json.WriteString("id", step);
                json.WriteString("type", outcome.Type);
                json.WriteString("outcome", outcome.Failed ? "failed" : "completed");
                json.WriteString("contentType", outcome.ContentType);
                json.WriteBase64String("body", outcome.Body);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return buffer.ToArray();
    }

    private static HttpResponseMessage Json(HttpStatusCode status, byte[] body) => new(status) { Content = new ByteArrayContent(body) };

    private static string? Header(HttpRequestMessage request, string name) =>
        request.Headers.TryGetValues(name, out var values) ? values.First() : null;

    private sealed class Handler(TestGateway gateway) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
#if NET
            var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
#else
            var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
#endif
            return gateway.Answer(request, body);
        }
    }
}
