using System.Text.Json;

namespace DurableGateway.Storage;

/// <summary>
/// A file next to the embedded store's log, written after the first write of the store. It distinguishes a new store from one that has lost
/// its log. It also has a copy of the generated key, which is at the beginning of the log: without it, a log with a damaged beginning
/// would be unreadable.
/// </summary>
internal sealed record StoreMarker(Guid Id, int Format, DateTimeOffset Created, byte[]? Key)
{
    public const string FileName = "store.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static bool Exists(string dataDirectory) => File.Exists(PathOf(dataDirectory));

    public static string PathOf(string dataDirectory) => Path.Combine(dataDirectory, FileName);

    /// <summary>The generated key, if there is one.</summary>
    public static byte[]? KeyOf(string dataDirectory) => Read(dataDirectory)?.Key;

    /// <summary>Writes the file if it does not exist or has another key.</summary>
    public static void Write(string dataDirectory, byte[]? key, DateTimeOffset now)
    {
        var old = Read(dataDirectory);
        if (old is not null && (key is null || key.AsSpan().SequenceEqual(old.Key))) return;
        var marker = (old ?? new StoreMarker(Guid.NewGuid(), StoreKeys.Format, now, null)) with { Key = key };
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var fresh = PathOf(dataDirectory) + ".new";
        using (var file = new FileStream(fresh, options))
        {
            JsonSerializer.Serialize(file, marker, Json);
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, PathOf(dataDirectory), overwrite: true);
    }

    /// <summary>Reads the file. A damaged file counts as missing and is rewritten.</summary>
    private static StoreMarker? Read(string dataDirectory)
    {
        try
        {
            return Exists(dataDirectory) ? JsonSerializer.Deserialize<StoreMarker>(File.ReadAllBytes(PathOf(dataDirectory)), Json) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
