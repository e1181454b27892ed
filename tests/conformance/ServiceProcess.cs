using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace DurableGateway.Conformance;

/// <summary>The scenario service of a language. It is started again after a program has made it exit.</summary>
internal sealed class ServiceProcess : IAsyncDisposable
{
    /// <summary>The time limit of a start. The first one may build the service.</summary>
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(4);

    private readonly string _command;
    private readonly string _journal;
    private readonly int _port;
    private readonly ConcurrentQueue<string> _output = new();
    private TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Process? _process;
    private int _starts;
    private volatile bool _ending;

    private ServiceProcess(string command, string journal, int port)
    {
        _command = command;
        _journal = journal;
        _port = port;

        // No connection is reused: a small server may close it after a response (HTTP/1.0), and the next request would be lost.
        var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero };
        Client = new HttpClient(handler) { BaseAddress = new Uri($"http://127.0.0.1:{_port}"), Timeout = TimeSpan.FromSeconds(60) };
    }

    public HttpClient Client { get; }

    public string Url => $"http://127.0.0.1:{_port}";

    /// <summary>The number of starts.</summary>
    public int Starts => Volatile.Read(ref _starts);

    /// <summary>The features that the service does not support.</summary>
    public IReadOnlySet<string> Lacks { get; private set; } = new HashSet<string>();

    /// <summary>Whether it is another host of an SDK whose steps are tested elsewhere.</summary>
    public bool HttpOnly { get; private set; }

    /// <summary>The last lines of its output.</summary>
    public string Output => string.Join(Environment.NewLine, _output);

    public static async Task<ServiceProcess> StartAsync(string command, string journal, int port)
    {
        var service = new ServiceProcess(command, journal, port);
        try
        {
            service.Start();
            await service.ReadyAsync();
            var said = JsonNode.Parse(await service.Client.GetStringAsync("/ready"))!;
            service.Lacks = said["lacks"]!.AsArray().Select(feature => (string)feature!).ToHashSet();
            service.HttpOnly = (string?)said["scenarios"] == "http";
            return service;
        }
        catch (Exception e)
        {
            var output = service.Output;
            await service.DisposeAsync();
            throw new InvalidOperationException($"The scenario service {command} does not start: {e.Message}\n{output}", e);
        }
    }

    /// <summary>Completes when the process answers. If the last one has exited, a new one starts.</summary>
    public Task ReadyAsync() => Volatile.Read(ref _ready).Task.WaitAsync(StartTimeout);

    /// <summary>How often the journal contains each event of a case, by event and name.</summary>
    public JsonObject Journal(string id)
    {
        var counts = new JsonObject();
        if (!File.Exists(_journal)) return counts;
        using var file = new StreamReader(new FileStream(_journal, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (file.ReadLine() is { } line)
        {
            if (!line.Contains(id, StringComparison.Ordinal) || Entry(line) is not { } entry || (string?)entry["case"] != id) continue;
            var name = (string?)entry["name"];
            var what = name is null ? (string)entry["event"]! : $"{entry["event"]} {name}";
            counts[what] = ((int?)counts[what] ?? 0) + 1;
            if ((string?)entry["event"] == "step") counts["steps"] = ((int?)counts["steps"] ?? 0) + 1;
            if (entry["value"] is { } value) counts["value of " + name] = value.DeepClone();
        }

        return counts;

        // The last line may be incomplete.
        static JsonNode? Entry(string line)
        {
            try
            {
                return JsonNode.Parse(line);
            }
            catch (System.Text.Json.JsonException)
            {
                return null;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _ending = true;
        Client.Dispose();
        if (_process is null) return;
        try
        {
            // A process is ended with its child processes.
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
        finally
        {
            _process.Dispose();
        }
    }

    private void Start()
    {
        var start = new ProcessStartInfo(_command) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PORT"] = _port.ToString(CultureInfo.InvariantCulture);
        start.Environment["JOURNAL"] = _journal;
        // The settings that ASP.NET Core gives this process are not for others.
        start.Environment.Remove("ASPNETCORE_URLS");
        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Exited += (_, _) => StartAgain(process);
        process.Start();
        Interlocked.Increment(ref _starts);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
    }

    private void StartAgain(Process exited)
    {
        if (_ending) return;
        if (!Volatile.Read(ref _ready).Task.IsCompleted)
        {
            Volatile.Read(ref _ready).TrySetException(new InvalidOperationException($"It has exited with status {exited.ExitCode}."));
            return;
        }

        Volatile.Write(ref _ready, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        Start();
    }

    private void Read(string? line)
    {
        Keep(line);
        if (line?.Trim() == "listening") Volatile.Read(ref _ready).TrySetResult();
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        _output.Enqueue(line);
        while (_output.Count > 40) _output.TryDequeue(out _);
    }
}
