using System;
using System.Net.Http;

namespace DurableGateway.Client.Http;

/// <summary>Says of one request what its sender wants to know of the run. It is told by <see cref="DurableClientHandler"/>.</summary>
public static class DurableRequestExtensions
{
    private const string ProgressKey = "DurableGateway.Client.Progress";
    private const string ResultUrlKey = "DurableGateway.Client.ResultUrl";

    /// <summary>Tells of the steps of the run while its result is waited for.</summary>
    /// <param name="request">The request.</param>
    /// <param name="progress">Who is told.</param>
    /// <returns>The request.</returns>
    public static HttpRequestMessage OnProgress(this HttpRequestMessage request, IProgress<RunProgress> progress)
    {
        Set(request, ProgressKey, progress ?? throw new ArgumentNullException(nameof(progress)));
        return request;
    }

    /// <summary>
    /// Tells the URL of the result as soon as it is known. Who keeps it can ask for the result after a restart. It is a capability: who has
    /// it can read the result.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="known">Who is told.</param>
    /// <returns>The request.</returns>
    public static HttpRequestMessage OnResultUrl(this HttpRequestMessage request, Action<Uri> known)
    {
        Set(request, ResultUrlKey, known ?? throw new ArgumentNullException(nameof(known)));
        return request;
    }

    internal static IProgress<RunProgress>? ProgressOf(this HttpRequestMessage request) =>
        Get<IProgress<RunProgress>>(request, ProgressKey);

    internal static void TellResultUrl(this HttpRequestMessage request, Uri at) => Get<Action<Uri>>(request, ResultUrlKey)?.Invoke(at);

#if NETSTANDARD2_0
    private static void Set<T>(HttpRequestMessage request, string key, T value)
    {
        if (request is null) throw new ArgumentNullException(nameof(request));
        request.Properties[key] = value!;
    }

    private static T? Get<T>(HttpRequestMessage request, string key)
        where T : class => request.Properties.TryGetValue(key, out var value) ? value as T : null;
#else
    private static void Set<T>(HttpRequestMessage request, string key, T value)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Options.Set(new HttpRequestOptionsKey<T>(key), value);
    }

    private static T? Get<T>(HttpRequestMessage request, string key)
        where T : class => request.Options.TryGetValue(new HttpRequestOptionsKey<T>(key), out var value) ? value : null;
#endif
}
