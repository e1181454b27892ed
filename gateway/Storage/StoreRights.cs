using DurableGateway.Configuration;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Checks whether the user of the connection has the necessary rights. A command that the store denies later would leave the gateway
/// unready or fail single runs. So the gateway tries all commands at startup, and one message names those that are denied.
/// </summary>
internal static class StoreRights
{
    private const string Setting = "Durable:Store:ConnectionString";
    private const string NoPermission = "NOPERM";

    /// <param name="connection">The connection to the store.</param>
    /// <param name="waits">Whether the gateway uses <c>WAIT</c> (<c>Durable:Store:MinReplicas</c>).</param>
    /// <exception cref="ConfigurationException">The store denies a command.</exception>
    /// <exception cref="RedisException">The store does not answer.</exception>
    public static async Task CheckAsync(IConnectionMultiplexer connection, bool waits)
    {
        var db = connection.GetDatabase();
        var all = new ScriptCall(Scripts.CheckRights)
        {
            [ScriptKey.Scratch] = StoreKeys.InShard(0, "rights"),
            [ScriptKey.SecondScratch] = StoreKeys.InShard(0, "rights:2"),
            ["channel"] = StoreKeys.DueChannel,
        };
        var refused = (string[])(await all.EvaluateAsync(db))!;
        List<string> missing = [.. refused.Distinct()];
        if (waits && await IsRefusedAsync(() => db.ExecuteAsync("WAIT", 0, 1))) missing.Add("WAIT");
        foreach (var channel in (string[])[StoreKeys.DueChannel, StoreKeys.EndedChannel])
        {
            if (await IsRefusedAsync(() => HearAsync(connection.GetSubscriber(), channel))) missing.Add($"SUBSCRIBE {channel}");
        }

        if (missing.Count > 0) throw Refused($"the store refuses {string.Join(", ", missing)} to this user");
    }

    /// <summary>Converts a denied user, password or command into a configuration error.</summary>
    /// <returns><see langword="null"/> for any other error.</returns>
    public static ConfigurationException? Explain(Exception error) =>
        Refusal(error) is not { } refusal ? null
        : refusal.StartsWith(NoPermission, StringComparison.Ordinal) ? Refused($"the store refuses commands to this user ({refusal})")
        : new ConfigurationException(Setting, null, $"the store refuses the user or the password ({refusal}); set user= and password=");

    private static ConfigurationException Refused(string what) =>
        new(Setting, null, $"{what}; give it the rights that ACL SETUSER in config/README.md names, under Redis");

    private static async Task HearAsync(ISubscriber subscriber, string channel)
    {
        var queue = await subscriber.SubscribeAsync(RedisChannel.Literal(channel));
        await queue.UnsubscribeAsync();
    }

    private static async Task<bool> IsRefusedAsync(Func<Task> call)
    {
        try
        {
            await call();
            return false;
        }
        catch (RedisException e) when (Refusal(e) is not null)
        {
            return true;
        }
    }

    /// <summary>The message of the store, without the additions of the client library.</summary>
    private static string? Refusal(Exception error)
    {
        for (var each = error; each is not null; each = each.InnerException)
        {
            foreach (var code in (string[])[NoPermission, "NOAUTH", "WRONGPASS"])
            {
                var at = each.Message.IndexOf(code + " ", StringComparison.Ordinal);
                if (at >= 0) return each.Message[at..].Split(['\r', '\n', ';', '.'], 2)[0].Split(", mc:", 2)[0];
            }
        }

        return null;
    }
}
