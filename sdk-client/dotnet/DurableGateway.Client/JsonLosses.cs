using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;

namespace DurableGateway.Client;

/// <summary>Finds types whose content the JSON serializer loses without an error.</summary>
internal static class JsonLosses
{
    private const int MaxTypes = 500;

    private static readonly ConditionalWeakTable<JsonTypeInfo, Finding> Known = new();

    /// <summary>
    /// The first <see cref="ValueTuple"/> in a type or its parts; <see langword="null"/> if there is none.
    /// </summary>
    public static Type? Of(JsonTypeInfo type) => Known.GetValue(type, Find).Lost;

    private static Finding Find(JsonTypeInfo type)
    {
        if (type.Options.IncludeFields) return Finding.Nothing;
        var seen = new HashSet<Type>();
        var ahead = new Stack<Type>();
        ahead.Push(type.Type);
        while (ahead.Count > 0 && seen.Count < MaxTypes)
        {
            var next = ahead.Pop();
            next = Nullable.GetUnderlyingType(next) ?? next;
            if (!seen.Add(next) || (next == type.Type ? type : InfoOf(type, next)) is not { } info) continue;
            if (info is { Kind: JsonTypeInfoKind.Object, Properties.Count: 0 } && IsValueTuple(next)) return new Finding(next);
            if (info.ElementType is { } element) ahead.Push(element);
            foreach (var property in info.Properties)
            {
                if (property.Get is not null) ahead.Push(property.PropertyType);
            }
        }

        return Finding.Nothing;
    }

    private static JsonTypeInfo? InfoOf(JsonTypeInfo origin, Type type)
    {
        try
        {
            return origin.Options.GetTypeInfo(type);
        }
        catch (Exception e) when (e is NotSupportedException or InvalidOperationException or ArgumentException)
        {
            // Serialization of a value reports the error better.
            return null;
        }
    }

    private static bool IsValueTuple(Type type) =>
        type.IsValueType && type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true;

    private sealed class Finding(Type? lost)
    {
        public static readonly Finding Nothing = new(null);

        public Type? Lost { get; } = lost;
    }
}
