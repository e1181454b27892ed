using System.Collections;
using DurableGateway.Protocol;

namespace DurableGateway.Diagnostics;

/// <summary>The scope of log lines that belong to a run. The id is formatted only when a line is written.</summary>
internal sealed class RunScope(RunId run) : IReadOnlyList<KeyValuePair<string, object?>>
{
    public int Count => 1;

    public KeyValuePair<string, object?> this[int index] =>
        index == 0 ? new(TelemetryNames.Attributes.RunId, ToString()) : throw new ArgumentOutOfRangeException(nameof(index));

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
    {
        yield return this[0];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => run.ToString();
}
