using System.Globalization;
using DurableGateway.Protocol;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// The names of keys. Each contains the format version. All keys of a run share the hash tag of its shard, so that every script stays
/// within one slot of a cluster.
/// </summary>
internal readonly struct StoreKeys(RunId run, int shards)
{
    public const int Format = 3;
    public const string Meta = "dg3:meta";

    /// <summary>What a store of an earlier format has in the place of <see cref="Meta"/>.</summary>
    public static string MetaOf(int format) => string.Create(CultureInfo.InvariantCulture, $"dg{format}:meta");

    public const string EndedChannel = "dg3:ended";
    public const string DueChannel = "dg3:due";

    /// <summary>The channel on which the client library announces that it has changed the role of a server.</summary>
    public const string ClientChannel = "dg3:client";

    private const string UnlistedName = "ix:w";

    private readonly string _tag = Tag(run.Shard(shards));

    /// <summary>A key of the run, by its name in scripts.</summary>
    public RedisKey this[ScriptKey key] => key switch
    {
        ScriptKey.Run => Run,
        ScriptKey.Request => Request,
        ScriptKey.Steps => Steps,
        ScriptKey.Pending => Pending,
        ScriptKey.Result => Result,
        ScriptKey.History => History,
        ScriptKey.Stream => Stream,
        ScriptKey.StreamIds => StreamIds,
        ScriptKey.Unlisted => _tag + UnlistedName,
        ScriptKey.Due => Due,

        // A script call needs a key of the run's slot, also if the request has no idempotency key.
        ScriptKey.Idempotency => Run,
        _ => throw new ArgumentOutOfRangeException(nameof(key), key, "This is not a key of a run."),
    };

    public RedisKey Run { get; } = Name(run, shards, "run");
    public RedisKey Request => $"{_tag}req:{run}";
    public RedisKey Steps => $"{_tag}steps:{run}";
    public RedisKey Pending => $"{_tag}pend:{run}";
    public RedisKey History => $"{_tag}hist:{run}";
    public RedisKey Stream => $"{_tag}stream:{run}";
    public RedisKey StreamIds => $"{_tag}stream-ids:{run}";
    public RedisKey Result => $"{_tag}res:{run}";
    public RedisKey Due => _tag + "due";

    /// <summary>
    /// The key that maps an idempotency key to its run. It is in the run's slot, because the run's id is created for the slot of the key.
    /// </summary>
    public RedisKey Idempotency(string hash) => $"{_tag}idem:{hash}";

    /// <summary>The prefix of the key of a run's hash. The run id follows it.</summary>
    public static string RunPrefix(int shard) => Tag(shard) + "run:";

    public static RedisKey DueOf(int shard) => InShard(shard, "due");

    /// <summary>The runs of a shard whose entries in the index are out of date.</summary>
    public static RedisKey UnlistedOf(int shard) => InShard(shard, UnlistedName);

    /// <summary>How many runs wait under each concurrency limit of a shard.</summary>
    public static RedisKey WaitingIn(int shard) => InShard(shard, "waiting");

    /// <summary>A key that belongs to no run.</summary>
    public static RedisKey InShard(int shard, string name) => Tag(shard) + name;

    /// <summary>A key without content in the slot of another key, for a write that only precedes <c>WAIT</c>.</summary>
    public static RedisKey BarrierBeside(RedisKey key)
    {
        var name = key.ToString();
        return name[..(name.IndexOf('}', StringComparison.Ordinal) + 1)] + ":barrier";
    }

    private static string Name(RunId run, int shards, string kind) => $"{Tag(run.Shard(shards))}{kind}:{run}";

    private static string Tag(int shard) => string.Create(CultureInfo.InvariantCulture, $"dg{Format}:{{s{shard}}}:");
}
