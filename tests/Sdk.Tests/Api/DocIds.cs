using System.Globalization;
using System.Reflection;

namespace DurableGateway.Client.Tests.Api;

/// <summary>The ids of members in the compiler's file of doc comments (C# specification, annex D.4.2).</summary>
internal static class DocIds
{
    public static string Of(MemberInfo member) => member switch
    {
        Type type => "T:" + Of(type, null),
        FieldInfo field => $"F:{Of(field.DeclaringType!, null)}.{field.Name}",
        PropertyInfo property => $"P:{Of(property.DeclaringType!, null)}.{property.Name}{Parameters(property.GetIndexParameters(), null)}",
        ConstructorInfo constructor => $"M:{Of(constructor.DeclaringType!, null)}.#ctor{Parameters(constructor.GetParameters(), null)}",
        MethodInfo method =>
            $"M:{Of(method.DeclaringType!, null)}.{method.Name}{Arity(method)}{Parameters(method.GetParameters(), method)}",
        _ => throw new ArgumentException($"{member} is of no kind that has an id here."),
    };

    private static string Arity(MethodInfo method) =>
        method.IsGenericMethod ? "``" + method.GetGenericArguments().Length.ToString(CultureInfo.InvariantCulture) : "";

    private static string Parameters(ParameterInfo[] parameters, MethodInfo? method) =>
        parameters.Length == 0 ? "" : $"({string.Join(',', parameters.Select(parameter => Of(parameter.ParameterType, method)))})";

    private static string Of(Type type, MethodInfo? method)
    {
        if (type.IsGenericParameter)
            return (type.DeclaringMethod is null ? "`" : "``") + type.GenericParameterPosition.ToString(CultureInfo.InvariantCulture);
        if (type.IsByRef) return Of(type.GetElementType()!, method) + "@";
        if (type.IsArray) return Of(type.GetElementType()!, method) + "[]";
        if (!type.IsConstructedGenericType) return type.FullName!.Replace('+', '.');
        var name = type.GetGenericTypeDefinition().FullName!;
        var arguments = string.Join(',', type.GetGenericArguments().Select(argument => Of(argument, method)));
        return $"{name[..name.IndexOf('`', StringComparison.Ordinal)].Replace('+', '.')}{{{arguments}}}";
    }
}
