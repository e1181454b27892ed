using System.Collections.Concurrent;

namespace DurableGateway.Tests.Support;

/// <summary>Collects the log of a gateway by the stable ids of its messages.</summary>
internal sealed class LogSink : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<(int Id, LogLevel Level, string Text)> _lines = new();

    /// <summary>The messages with the id, in their order.</summary>
    public IReadOnlyList<(LogLevel Level, string Text)> Of(int id) =>
        [.. _lines.Where(line => line.Id == id).Select(line => (line.Level, line.Text))];

    /// <summary>The messages of a level or above, in their order.</summary>
    public IReadOnlyList<(int Id, string Text)> From(LogLevel level) =>
        [.. _lines.Where(line => line.Level >= level).Select(line => (line.Id, line.Text))];

    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose()
    {
    }

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((eventId.Id, logLevel, formatter(state, exception)));

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
}
