using System;
using System.IO;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Http;

/// <summary>Reads a response before it is returned, so that a response that is cut off is noticed while it can still be replaced.</summary>
internal static class ResponseBuffer
{
    /// <summary>Reads the content into memory, up to a limit. What is longer passes as it arrives, after the part that was read.</summary>
    /// <param name="response">The response. It gets a content that can be read.</param>
    /// <param name="max">The limit in bytes.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="HttpRequestException">The response was cut off.</exception>
    /// <exception cref="IOException">The response was cut off.</exception>
    public static async Task ReadAsync(HttpResponseMessage response, int max, CancellationToken cancellationToken)
    {
        if (max == 0 || response.Content is not { } content || content.Headers.ContentLength > max) return;
        if (content.Headers.ContentLength is not null)
        {
            await LoadAsync(content, cancellationToken).ConfigureAwait(false);
            return;
        }

#if NETSTANDARD2_0
        var stream = await content.ReadAsStreamAsync().ConfigureAwait(false);
#else
        var stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
#endif
        var begin = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (begin.Length <= max)
        {
#if NETSTANDARD2_0
            var count = await stream.ReadAsync(buffer, 0, buffer.Length, cancellationToken).ConfigureAwait(false);
#else
            var count = await stream.ReadAsync(buffer.AsMemory(), cancellationToken).ConfigureAwait(false);
#endif
            begin.Write(buffer, 0, count);
            if (count > 0) continue;
            stream.Dispose();
            Replace(response, new ByteArrayContent(begin.ToArray()));
            return;
        }

        begin.Position = 0;
        Replace(response, new StreamContent(new SequentialStream(begin, stream)));
    }

    /// <summary>Loads a content into its own buffer.</summary>
    public static Task LoadAsync(HttpContent content, CancellationToken cancellationToken)
    {
#if NET10_0_OR_GREATER
        return content.LoadIntoBufferAsync(cancellationToken);
#else
        cancellationToken.ThrowIfCancellationRequested();
        return content.LoadIntoBufferAsync();
#endif
    }

    /// <summary>Gives a response another content with the same headers. The old content is not disposed, because it may be read.</summary>
    public static void Replace(HttpResponseMessage response, HttpContent content)
    {
        foreach (var header in response.Content!.Headers)
        {
            if (!header.Key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                content.Headers.TryAddWithoutValidation(header.Key, header.Value);
        }

        response.Content = content;
    }
}
