using System.Text;
using System.Text.Json.Nodes;

namespace DurableGateway.Client.Conformance;

/// <summary>Records executions on disk before the service continues, so that a crash loses none.</summary>
internal sealed class Journal : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Case, string Event, string? Name), int> _counts = [];
    private readonly FileStream _file;

    public Journal(string path)
    {
        if (File.Exists(path))
        {
            foreach (var line in File.ReadLines(path))
            {
                var entry = JsonNode.Parse(line)!;
                Count(((string)entry["case"]!, (string)entry["event"]!, (string?)entry["name"]));
            }
        }

        // Without a buffer each line is one write.
        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
    }

    /// <summary>Adds a line.</summary>
    /// <returns>The number of lines with the same case, event and name.</returns>
    public int Write(string id, string happened, string? name = null, JsonObject? members = null)
    {
        var line = new JsonObject { ["case"] = id, ["event"] = happened };
        if (name is not null) line["name"] = name;
        foreach (var (member, value) in members ?? [])
        {
            if (value is not null) line[member] = value.DeepClone();
        }

        lock (_lock)
        {
            _file.Write(Encoding.UTF8.GetBytes(line.ToJsonString() + "\n"));
            return Count((id, happened, name));
        }
    }

    public void Dispose() => _file.Dispose();

    public int CountOf(string id, string happened, string? name)
    {
        lock (_lock) return _counts.GetValueOrDefault((id, happened, name));
    }

    private int Count((string, string, string?) key) => _counts[key] = _counts.GetValueOrDefault(key) + 1;
}
